// SPDX-License-Identifier: Apache-2.0

package import Kernels

/// A product weight whose clipped sum is taken by leaves, as the certificate sees it.
///
/// Its gradient for one example is Σ_t e_t ⊗ a_t over T places, e_t errors and a_t inputs; where the product is
/// grouped, every group has a matrix of its own. Terms as in docs/proofs/book-keeping.md.
package struct LeafLayer: Hashable, Sendable {
    /// Errors a place has in one group.
    package let outputs: Int
    /// Inputs a place has in one group.
    package let inputs: Int
    /// Groups of the product; 1 unless it is a grouped convolution.
    package let groups: Int
    /// T: the places at which the weight is used.
    package let places: Int
    /// κ: the mass M = Σ_t |e_t||a_t| of a clipped example is at most κ C.
    package let massCap: Double
    /// b: the most terms that one float product of the leaf's sum adds up. A leaf's places, example after example, are
    /// cut into parts, of b or up to the end of an example; the parts' products are added to one another in Float,
    /// coordinate by coordinate. Without a cut a sum of pT terms has an error like pT, with b near √(pT) like 2√(pT).
    package let productTerms: Int
    /// b': the most terms that one float product of a Gram matrix adds up; such products are added in Double.
    package let gramTerms: Int
    /// How the layer's share of a norm is made; nil bounds both.
    package let norm: Norm?
    /// How the products of the leaf's sum are computed.
    package let arithmetic: ProductArithmetic
    /// Whether a leaf's sum is made example by example: every product, of an example's own rounded operands, comes in by one
    /// multiplication with the clip factor and addition. Else one product over all examples, of errors that were clipped and
    /// rounded again.
    package let sumsByExample: Bool

    /// How a layer's squared norm is computed.
    package enum Norm: Hashable, Sendable {
        /// From Gram matrices in parts of ``gramTerms``; where there is one place, as a product of two norms in Double.
        case gram
        /// From the gradient as Float products over an example's places, its squares summed in Double.
        case instantiated
    }

    /// - Parameters:
    ///   - outputs, inputs, groups, places: each 1...2^20.
    ///   - massCap: κ, at least 1; ``massCap(places:)`` unless given.
    package init(
        outputs: Int,
        inputs: Int,
        groups: Int = 1,
        places: Int,
        massCap: Double? = nil,
        productTerms: Int = .max,
        gramTerms: Int = 128,
        norm: Norm? = nil,
        arithmetic: ProductArithmetic = .single
    ) {
        precondition(outputs >= 1 && inputs >= 1 && groups >= 1, "a product has outputs, inputs and groups")
        precondition(places >= 1, "a product has places")
        // What keeps the error of a mass below 2^-30.
        precondition(max(outputs, inputs, groups, places) <= 1 << 20, "a side of the product exceeds 2^20")
        precondition(productTerms >= 1 && gramTerms >= 1, "a product has terms")
        let massCap = massCap ?? Self.massCap(places: places)
        precondition(massCap >= 1 && massCap <= 0x1p30, "the mass cap is outside of 1...2^30")
        self.outputs = outputs
        self.inputs = inputs
        self.groups = groups
        self.places = places
        self.massCap = massCap
        self.productTerms = productTerms
        self.gramTerms = gramTerms
        self.norm = norm
        sumsByExample = Self.sumsByExample(arithmetic, massCap: massCap)
        self.arithmetic = sumsByExample ? arithmetic : arithmetic.ofClippedErrors
    }

    /// 1 for T = 1, where mass and norm are equal; else 2 ⌈√T⌉. The mass of T unrelated terms of equal size is √T times
    /// their norm, so twice that is seldom reached.
    package static func massCap(places: Int) -> Double {
        guard places > 1 else { return 1 }
        return 2 * Double(places).squareRoot().rounded(.up)
    }

    /// Where errors are rounded to fewer bits, but for single outer products, whose mass is their norm: rounding a clipped
    /// error of theirs again costs u_op of the clip norm at most.
    static func sumsByExample(_ arithmetic: ProductArithmetic, massCap: Double) -> Bool {
        arithmetic.precision != .fp32 && massCap > 1
    }

    /// d: the coordinates of the weight.
    package var coordinates: Int { groups * outputs * inputs }
}

// The error terms.
extension LeafLayer {
    /// Half a unit in the last place of 1.
    static let unit = 0x1p-24
    static let doubleUnit = 0x1p-53

    /// Whether the gradient is one outer product, whose mass is its norm.
    var isOnePlace: Bool { places == 1 && groups == 1 }

    /// e: the computed squared norm differs from |G|² by at most e M².
    package var normError: Double {
        let computed = norm.map { [$0] } ?? [.gram, .instantiated]
        return computed.map { ($0 == .gram ? gramError : instantiatedError).value }.max() ?? 0
    }

    /// Of Σ (e_t·e_s)(a_t·a_s), the inner products in Float over at most ``gramTerms`` terms and beyond that in Double,
    /// everything else in Double; of |e|²|a|² in Double where there is one place.
    private var gramError: UpperBound {
        if isOnePlace { return .gamma(2 * (outputs + inputs) + 16, unit: Self.doubleUnit) }
        let sum = UpperBound.gamma(groups * places * places + 2, unit: Self.doubleUnit)
        // Products of floats too small for Float; the mass is taken of rows that are longer by 2^-48.
        let underflow = UpperBound(max(outputs, inputs)) * UpperBound(0x1p-53)
        return gram(outputs).compounded(gram(inputs)).compounded(sum) + underflow
    }

    /// Of the squares of sums of T products in Float.
    private var instantiatedError: UpperBound {
        let product = UpperBound.gamma(places, unit: Self.unit)
        let sum = UpperBound.gamma(coordinates, unit: Self.doubleUnit)
        let smallest = arithmetic.flushesSubnormals ? 0x1p-50 : 0x1p-52
        let underflow = UpperBound(outputs * inputs).squareRoot * UpperBound(smallest)
        return product.compounded(product).compounded(sum) + underflow
    }

    /// The error of an inner product of so many terms, over the product of the norms.
    private func gram(_ terms: Int) -> UpperBound {
        let parts = (terms - 1) / gramTerms + 1
        return UpperBound.gamma(min(terms, gramTerms), unit: Self.unit)
            .compounded(.gamma(parts, unit: Self.doubleUnit))
    }

    /// N: the most roundings that one term of a leaf's sum meets, and two to spare: as a term of its part, then where
    /// parts are added. There are at most ⌈pT/b⌉ + p - 1 parts, and never more roundings than terms.
    func roundings(capacity: Int) -> Int {
        if sumsByExample {
            return min(places, productTerms) + capacity * ((places - 1) / productTerms + 1) + 2
        }
        let terms = capacity * places
        let parts = (terms - 1) / productTerms + capacity
        return min(terms, min(terms, productTerms) + parts - 1) + 2
    }

    /// γ: the relative error of a leaf's sum, over the sum of magnitudes. In Float64 every product of the sum is rounded to
    /// Float once, and there are at most as many products as examples.
    private func sumError(capacity: Int) -> UpperBound {
        guard arithmetic.accumulation == .fp64 else { return .gamma(roundings(capacity: capacity), unit: Self.unit) }
        return UpperBound.gamma(capacity * places + 2 * capacity + 2, unit: Self.doubleUnit)
            .compounded(.gamma(capacity + 1, unit: Self.unit))
    }

    /// η: the relative error of a clipped error as it is multiplied, where it is not subnormal.
    var operandError: UpperBound {
        sumsByExample
            ? UpperBound(0.0) : UpperBound(Self.unit).compounded(UpperBound(arithmetic.operandRoundoff))
    }

    /// (2p + 1) γ_N (1 + η): what the sums of the leaves that change may err by, over C and a mass cap of 1.
    func accumulation(capacity: Int) -> UpperBound {
        UpperBound(2 * capacity + 1) * sumError(capacity: capacity) * (UpperBound(1.0) + operandError)
    }

    /// Of a clipped error too small for Float or for its format, times √R, over κ C: 2^-150 or 2^-125 a coordinate, times
    /// the inputs, whose rows are at most κ C / (c τ) long (``ClipFactor/rowMargin(for:)``).
    var tinyError: UpperBound {
        guard !sumsByExample else { return UpperBound(0.0) }
        return UpperBound(arithmetic.precision == .fp32 ? 0x1p-42 : 0x1p-29) * UpperBound(outputs).squareRoot
    }

    /// What products and sums that are too small for Float may lose of one term, in grid units: what an example's own sum
    /// loses is multiplied by its clip factor, which is at most 1 or, in grid units, 2^62 (C 2^k is at most 2^55, and a
    /// factor at most 100 C).
    func smallestProduct(gridExponent: Int) -> UpperBound {
        let smallest = arithmetic.flushesSubnormals ? -124 : -149
        let product = UpperBound(Double(sign: .plus, exponent: smallest + gridExponent, significand: 1))
        return sumsByExample
            ? product + UpperBound(Double(sign: .plus, exponent: smallest + 62, significand: 1)) : product
    }
}

extension ProductArithmetic {
    /// How sums by leaves are computed, whose left operands are clipped errors: in TF32 for FP16, which has as many bits but
    /// not the range that a bound needs.
    package var ofClippedErrors: ProductArithmetic {
        precision == .fp16 ? ProductArithmetic(.tf32, accumulation: accumulation) : self
    }
}
