// SPDX-License-Identifier: Apache-2.0

extension RandomWords where Self: ~Copyable {
    /// True with probability `numerator` / `denominator`, exactly.
    ///
    /// - Parameters:
    ///   - numerator: at most the denominator.
    ///   - denominator: at least 1.
    package mutating func bernoulli(_ numerator: UInt128, outOf denominator: UInt128) -> Bool {
        precondition(numerator <= denominator, "a probability is at most one")
        return wideUniform(below: denominator) < numerator
    }

    /// True with probability exp(−`numerator` / `denominator`), exactly, for every fraction that is not negative.
    ///
    /// Canonne, Kamath, Steinke, "The discrete Gaussian for differential privacy" (2020), Algorithm 1: for x in 0 ... 1
    /// the first k at which a coin of probability x / k shows false is odd with probability exp(−x). A larger x is split
    /// into ones and a rest. The coin x / k is the conjunction of a coin x and a coin 1 / k, so that no product of
    /// denominators is ever formed (docs/proofs/rational-discrete-gaussian.md, §2).
    ///
    /// - Parameter denominator: at least 1.
    package mutating func bernoulli(expMinus numerator: UInt128, over denominator: UInt128) -> Bool {
        precondition(denominator > 0, "a fraction has a denominator above zero")
        let (whole, rest) = numerator.quotientAndRemainder(dividingBy: denominator)
        return bernoulli(expMinus: whole, plus: rest, over: denominator)
    }

    /// True with probability exp(−(`whole` + `numerator` / `denominator`)), exactly.
    ///
    /// - Parameters:
    ///   - numerator: at most the denominator.
    ///   - denominator: at least 1.
    package mutating func bernoulli(
        expMinus whole: UInt128,
        plus numerator: UInt128,
        over denominator: UInt128
    ) -> Bool {
        var ones = whole
        while ones > 0 {
            guard bernoulliExpMinusAtMostOne(1, 1) else { return false }
            ones -= 1
        }
        return bernoulliExpMinusAtMostOne(numerator, denominator)
    }

    /// True with probability exp(−`numerator` / `denominator`) for a fraction of at most one.
    private mutating func bernoulliExpMinusAtMostOne(_ numerator: UInt128, _ denominator: UInt128) -> Bool {
        var index: UInt64 = 1
        while uniform(below: index) == 0, bernoulli(numerator, outOf: denominator) {
            index += 1
        }
        return index % 2 == 1
    }
}
