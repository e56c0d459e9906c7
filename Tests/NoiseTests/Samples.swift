// SPDX-License-Identifier: Apache-2.0

import Cryptography
import Noise
import Randomness

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The SHA-256 of `bytes` in hexadecimal digits.
func sha256Hex(_ bytes: [UInt8]) -> String {
    SHA256.hash(bytes).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

/// `count` samples of a mechanism.
func filled<Words: RandomWords & ~Copyable>(
    _ noise: some NoiseMechanism,
    _ count: Int,
    _ stream: inout Words
) -> [Int64] {
    var samples = [Int64](repeating: 0, count: count)
    var span = samples.mutableSpan
    noise.fill(&span, from: &stream)
    return samples
}

/// A histogram's bins: `width` integers each, as many on either side of zero as ten standard deviations need.
struct Bins {
    let width: Int
    let half: Int

    init(sigma: Double) {
        width = max(1, Int(sigma / 8))
        half = Int(10 * sigma) / width + 2
    }

    /// Bin i holds the integers from `start(i)` up to, not including, `start(i + 1)`; bin `half` is centred on zero.
    func start(_ bin: Int) -> Int { (bin - half) * width - width / 2 }

    var count: Int { 2 * half + 1 }

    func counts(_ samples: [Int64]) -> [Int] {
        var counts = [Int](repeating: 0, count: count)
        for sample in samples {
            let bin = (Int(sample) + width / 2 + half * width) / width
            counts[min(max(bin, 0), count - 1)] += 1
        }
        return counts
    }

    /// The discrete Gaussian's mass of every bin: summed, or for a deviation from 2000 on integrated between half
    /// integers, which differs relatively by less than the square of 4 / σ.
    func discreteGaussian(sigma: Double) -> [Double] {
        if sigma >= 2000 { return roundedGaussian(sigma: sigma) }
        let sums = (0..<count).map { bin in
            (start(bin)..<start(bin + 1)).reduce(0) { $0 + exp(-Double($1) * Double($1) / (2 * sigma * sigma)) }
        }
        let total = sums.reduce(0, +)
        return sums.map { $0 / total }
    }

    /// The mass of every bin of a continuous Gaussian that is rounded to the nearest integer.
    func roundedGaussian(sigma: Double) -> [Double] {
        (0..<count).map { bin in
            let scale = sigma * 2.0.squareRoot()
            let (low, high) = ((Double(start(bin)) - 0.5) / scale, (Double(start(bin + 1)) - 0.5) / scale)
            // Differences of the smaller tail keep their digits.
            return low > 0 ? (erfc(low) - erfc(high)) / 2 : (erfc(-high) - erfc(-low)) / 2
        }
    }

    /// The Skellam law's mass of every bin, as the convolution of two Poisson laws of mean μ/2.
    func skellam(variance: Double) -> [Double] {
        let mean = variance / 2
        // Twelve deviations and the twelve that small means need leave out less than 10⁻²⁰.
        let reach = Int(12 * mean.squareRoot()) + 24
        let first = max(0, Int(mean) - reach)
        let poisson = (first...Int(mean) + reach).map { exp(Double($0) * log(mean) - mean - lgamma(Double($0 + 1))) }
        let law = poisson.indices.map { shift in
            zip(poisson, poisson.dropFirst(shift)).reduce(0) { $0 + $1.0 * $1.1 }
        }
        return (0..<count).map { bin in
            (start(bin)..<start(bin + 1)).reduce(0) { $0 + (abs($1) < law.count ? law[abs($1)] : 0) }
        }
    }
}
