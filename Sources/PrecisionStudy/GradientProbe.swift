// SPDX-License-Identifier: Apache-2.0

internal import Datasets
internal import Kernels
internal import Networks
internal import Training

/// One public batch's gradient sum in some precision, beside a reference.
///
/// The reference is computed by the same code with floats as operands, their products added up in Float64, and each
/// example's gradient clipped as a whole on a grid so fine that rounding to it does not count (g√d ≤ 2⁻³⁰ of the smallest
/// norm). It is Float64 where sums are long; activations and single gradients are rounded to Float once. So it is good for
/// about 2⁻²³, and a difference of that size says nothing.
struct GradientProbe {
    let task: StudyTask
    let parameters: [Float]
    private let examples: Dataset

    init(_ task: StudyTask, parameters: [Float]) {
        self.task = task
        self.parameters = parameters
        examples = task.spaced(task.probeExamples)
    }

    /// - Parameter isPrivate: whether the sum is clipped.
    func reference(isPrivate: Bool) throws -> [Float] {
        let numerics = Numerics(arithmetic: ProductArithmetic(.fp32, accumulation: .fp64))
        return try sum(isPrivate ? .exact : .none, numerics)
    }

    /// The sum by the study's method, on the fine grid too: its own grid errs more than most precisions do.
    func agreement(_ cell: StudyCell, with reference: [Float]) throws -> SumAgreement {
        let found = try sum(cell.isPrivate ? task.method : .none, task.numerics(cell.precision))
        return SumAgreement(found, reference)
    }

    private func sum(_ method: ClippingMethod, _ numerics: Numerics) throws -> [Float] {
        var request = GradientComparison.Request(network: task.network, method: method, clip: task.clip)
        request.options.numerics = numerics
        request.workers = task.workers
        return try GradientComparison(request, parameters: parameters, examples: examples).sum
    }
}

extension SumAgreement {
    init(_ found: [Float], _ reference: [Float]) {
        var (product, foundSquares, squares, difference) = (0.0, 0.0, 0.0, 0.0)
        for (x, y) in zip(found, reference) {
            let (x, y) = (Double(x), Double(y))
            product += x * y
            foundSquares += x * x
            squares += y * y
            difference += (x - y) * (x - y)
        }
        let (cosine, error) = (product / (foundSquares * squares).squareRoot(), (difference / squares).squareRoot())
        // Rounding of the sums can leave it a last digit above 1.
        self.cosine = cosine.isFinite ? min(1, cosine) : nil
        relativeError = error.isFinite ? error : nil
    }
}
