// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The C library's functions in Double, for what tests compute on their own.
enum TestMath {
    static func exponential(_ x: Double) -> Double { exp(x) }
    static func logarithm(_ x: Double) -> Double { log(x) }
    static func logistic(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
    static func tanh(_ x: Double) -> Double { 1 - 2 / (exp(2 * x) + 1) }
}
