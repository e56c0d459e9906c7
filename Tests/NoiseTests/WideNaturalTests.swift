// SPDX-License-Identifier: Apache-2.0

import Noise
import Testing

/// Against integers of Python.
@Suite struct WideNaturalTests {
    /// 60!
    private let factorial: [UInt64] = [
        0x8700_0000_0000_0000, 0x889C_2EFE_3C55_16F8, 0xD58E_8653_C742_DE9D,
        0x727F_009F_525D_CFE0, 0x0000_0000_0001_18B5,
    ]
    /// The 300th Fibonacci number.
    private let fibonacci: [UInt64] = [
        0xF510_E921_B33E_2E10, 0xEF46_0A25_486E_E575,
        0xA39E_1A17_4149_7BBB, 0x0000_0000_0000_8A4B,
    ]

    private func product(through last: UInt64) -> WideNatural {
        var product = WideNatural(1)
        for factor in 1...last { product *= factor }
        return product
    }

    /// The Fibonacci numbers of `index` and `index` + 1.
    private func fibonacci(_ index: Int) -> (WideNatural, WideNatural) {
        var pair = (WideNatural(0), WideNatural(1))
        for _ in 0..<index {
            var sum = pair.0
            sum += pair.1
            pair = (pair.1, sum)
        }
        return pair
    }

    @Test func productsAndQuotients() {
        var number = product(through: 60)
        #expect(number.digits == factorial)
        for factor in (2...60).reversed() as ReversedCollection<ClosedRange<UInt64>> { number /= factor }
        #expect(number == WideNatural(1))
        number /= 2
        #expect(number == WideNatural(0))
        #expect(number.digits.isEmpty)
    }

    /// Division rounds down: the product and what is left over make the number again.
    @Test(arguments: [3, 1 << 63, .max, 0x0123_4567_89AB_CDEF] as [UInt64])
    func divisionRoundsDown(divisor: UInt64) {
        let number = product(through: 60)
        var back = number
        back /= divisor
        back *= divisor
        #expect(back <= number)
        var rest = number
        rest -= back
        #expect(rest < WideNatural(divisor))
    }

    @Test func sumsAndDifferences() {
        let (number, next) = fibonacci(300)
        #expect(number.digits == fibonacci)
        var difference = next
        difference -= number
        #expect(difference == fibonacci(299).0)
        difference -= difference
        #expect(difference == WideNatural(0))

        var carried = WideNatural(.max)
        carried += WideNatural(1)
        #expect(carried == WideNatural(1, zeros: 1))
        carried -= WideNatural(1)
        #expect(carried == WideNatural(.max))
    }

    @Test func order() {
        #expect(WideNatural(5) < WideNatural(6))
        #expect(WideNatural(.max) < WideNatural(1, zeros: 1))
        #expect(!(WideNatural(7) < WideNatural(7)))
        #expect(WideNatural(0) < WideNatural(1))
        #expect(WideNatural(0, zeros: 3) == WideNatural(0))
    }

    @Test func droppedDigits() {
        #expect(product(through: 60).dropping(2).digits == Array(factorial[2...]))
        #expect(product(through: 60).dropping(9) == WideNatural(0))
    }

    @Test func fractions() {
        let (number, next) = fibonacci(300)
        #expect(number.fraction127(of: next) == 0x4F1B_BCDC_BFA5_3E0A_F9CE_6030_2E76_E41A)
        #expect(number.fraction127(of: product(through: 60)) == 0x3F0F_A7CD_DA61_E2CA)
        #expect(WideNatural(0).fraction127(of: WideNatural(3)) == 0)
        #expect(WideNatural(1).fraction127(of: WideNatural(2)) == 1 << 126)
    }
}
