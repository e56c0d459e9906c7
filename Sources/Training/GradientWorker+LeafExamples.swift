// SPDX-License-Identifier: Apache-2.0

import Kernels
import Networks

/// Sums by leaves of operands in fewer bits.
///
/// The sum of a leaf is Σ c_i Σ e_t ⊗ a_t, in Float over examples: every example's product is made of its rounded operands and
/// comes in by one multiplication with its clip factor and addition. So no clipped error is rounded to fewer bits a second
/// time. The operands of an example whose factor is 0 become zero, or are not read.
extension GradientWorker {
    func addLeafByExample(
        _ leaf: Range<Int>,
        _ weight: ClippingPlan.Weight,
        _ operation: any Operation,
        _ tile: Tile,
        to sum: Accumulator
    ) {
        let shape = weight.shape
        let start = tile.parameterOffset + operation.offset(ofParameter: shape.parameter)
        // Plans make no greater leaves of what is summed example by example.
        let most = operation.operandExamples(weight.product, capacity: plan.capacity)
        precondition(leaf.count <= most, "the operands of a leaf are not there at once")
        for group in 0..<shape.groups {
            let offset = start + group * shape.rows * shape.columns
            tile.bring(leaf)
            let operands = operation.operands(weight.product, group: group, examples: leaf, tile)
            addLeafAtOnce(operands, leaf, weight, at: offset, to: sum)
        }
    }

    private func add(
        _ operands: WeightOperands,
        _ weight: ClippingPlan.Weight,
        _ example: Int,
        of examples: Range<Int>,
        _ rows: Range<Int>,
        _ inputs: RightOperand,
        to target: MatrixView,
        _ isBegun: inout Bool
    ) {
        let places = weight.shape.places
        let row = (example - examples.lowerBound) * places
        FixedOrderProduct.multiply(
            operands.errors.rows(row..<row + places).columns(rows).transposed,
            inputs,
            into: target,
            accumulate: isBegun,
            factor: scratch.factor(example),
            arithmetic: arithmetic
        )
        isBegun = true
    }

    /// The inputs of the `index`-th example of some as they are stored.
    private func plain(_ operands: WeightOperands, _ weight: ClippingPlan.Weight, _ index: Int) -> RightOperand {
        let places = weight.shape.places
        let view = operands.inputs.rows(index * places..<(index + 1) * places)
        return RightOperand(view, isRounded: operands.inputsAreRounded)
    }

    /// A leaf whose operands are all there: a part of the sum at a time, which stays in cache.
    private func addLeafAtOnce(
        _ operands: WeightOperands,
        _ leaf: Range<Int>,
        _ weight: ClippingPlan.Weight,
        at offset: Int,
        to sum: Accumulator
    ) {
        let shape = weight.shape
        guard leaf.count <= FixedOrderProduct.mostSegments(terms: shape.places, arithmetic) else {
            forEachPart(weight) { rows, target in
                var isBegun = false
                for example in leaf where scratch.factor(example) > 0 {
                    let inputs = plain(operands, weight, example - leaf.lowerBound)
                    add(operands, weight, example, of: leaf, rows, inputs, to: target, &isBegun)
                }
                return isBegun
            } then: {
                sum.add($1, scale: perUnit, at: offset + $0)
            }
            return
        }
        var errors = operands.errors
        if !plan.scalesInPlace(weight) {
            errors = MatrixView(scratch.scaledErrors, rows: errors.rows, columns: errors.columns)
            errors.assign(operands.errors)
        }
        scratch.factors.read(leaf) { factors in
            for index in factors.indices where factors[index] == 0 {
                let rows = index * shape.places..<(index + 1) * shape.places
                errors.rows(rows).clear()
                operands.inputs.rows(rows).clear()
            }
        }
        let inputs = SegmentOperands(
            operands.inputs,
            isRounded: operands.inputsAreRounded,
            terms: shape.places,
            scratch: scratch.prepared,
            arithmetic: arithmetic
        ).make()
        forEachPart(weight) { rows, target in
            scratch.factors.read(leaf) { factors in
                FixedOrderProduct.multiplySegments(
                    errors.columns(rows),
                    inputs,
                    into: target,
                    factors: factors,
                    arithmetic: arithmetic
                )
            }
            return true
        } then: {
            sum.add($1, scale: perUnit, at: offset + $0)
        }
    }
}
