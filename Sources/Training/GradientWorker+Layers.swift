// SPDX-License-Identifier: Apache-2.0

import Kernels
import Networks

/// Norms and sums layer by layer.
extension GradientWorker {
    /// Adds a node's share to every example's norm and mass.
    func addNorms(_ node: Int, _ tile: Tile, _ parameters: Buffer<Float>) {
        let operation = plan.network.nodes[node].operation
        let first = plan.firstWeight(of: node)
        for product in plan.network.nodes[node].products.indices {
            let weight = plan.weights[first + product]
            if weight.isOuterProduct {
                addOuterNorms(weight, plan.leafIndex(first + product), operation, tile)
                continue
            }
            for example in 0..<tile.examples {
                tile.bring(example..<example + 1)
                var squared = 0.0
                var mass = 0.0
                for group in 0..<weight.shape.groups {
                    var operands = operation.operands(product, group: group, examples: example..<example + 1, tile)
                    if weight.leafCapacity != nil { operands = asMultiplied(operands) }
                    squared += squaredNorm(weight, operands)
                    if weight.leafCapacity != nil {
                        mass += GramNorm.mass(
                            errors: operands.errors,
                            inputs: operands.inputs,
                            rowMargin: rowMargin
                        )
                    }
                }
                scratch.add(squaredNorm: squared, example: example)
                if let index = plan.leafIndex(first + product) {
                    scratch.set(mass: mass, index: index, example: example)
                }
            }
        }
        guard operation.hasDirectGradient else { return }
        for example in 0..<tile.examples {
            tile.bring(example..<example + 1)
            operation.visitDirectGradient(example: example, tile, parameters: parameters) { _, values in
                scratch.add(squaredNorm: Reductions.sumOfSquares(values), example: example)
            }
        }
    }

    /// Norms and masses of a weight with one place, some examples' operands at a time.
    private func addOuterNorms(
        _ weight: ClippingPlan.Weight,
        _ leafIndex: Int?,
        _ operation: any Operation,
        _ tile: Tile
    ) {
        let step = min(tile.mostAtOnce, operation.operandExamples(weight.product, capacity: plan.capacity))
        for start in stride(from: 0, to: tile.examples, by: step) {
            let examples = start..<min(tile.examples, start + step)
            tile.bring(examples)
            let operands = operation.operands(weight.product, group: 0, examples: examples, tile)
            for (row, example) in examples.enumerated() {
                let one = roundsOperands ? asMultiplied(operands.row(row)) : operands
                let found = GramNorm.ofOnePlace(
                    errors: one.errors,
                    inputs: one.inputs,
                    row: roundsOperands ? 0 : row,
                    rowMargin: rowMargin
                )
                scratch.add(squaredNorm: found.squaredNorm, example: example)
                if let leafIndex { scratch.set(mass: found.mass, index: leafIndex, example: example) }
            }
        }
    }

    var arithmetic: ProductArithmetic { plan.options.numerics.arithmetic }
    private var rowMargin: Double { ClipFactor.rowMargin(for: arithmetic.precision) }
    private var roundsOperands: Bool { arithmetic.precision != .fp32 }

    /// Rounded copies of one example's operands: what norm and mass are made of where the sum is, by leaves, of the same
    /// numbers.
    private func asMultiplied(_ operands: WeightOperands) -> WeightOperands {
        guard roundsOperands else { return operands }
        let errors = MatrixView(scratch.rounded, rows: operands.errors.rows, columns: operands.errors.columns)
        let inputs = MatrixView(
            scratch.rounded,
            offset: errors.extent.count,
            rows: operands.inputs.rows,
            columns: operands.inputs.columns
        )
        errors.assignRounded(operands.errors, arithmetic)
        inputs.assignRounded(operands.inputs, arithmetic)
        return WeightOperands(errors: errors, inputs: inputs, inputsAreRounded: true)
    }

    private func squaredNorm(_ weight: ClippingPlan.Weight, _ operands: WeightOperands) -> Double {
        if weight.norm == .gram {
            if let gram = scratch.gram { return gram.squaredNorm(errors: operands.errors, inputs: operands.inputs) }
            // Only one place: its mass is its norm.
            let length = GramNorm.mass(errors: operands.errors, inputs: operands.inputs, rowMargin: 0)
            return length * length
        }
        var squared = 0.0
        forEachPart(weight, operands, arithmetic) { _, gradient in squared += Reductions.sumOfSquares(gradient) }
        return squared
    }

    /// One group's gradient of one example or leaf, some rows at a time: where they begin in the group, and their values.
    private func forEachPart(
        _ weight: ClippingPlan.Weight,
        _ operands: WeightOperands,
        _ arithmetic: ProductArithmetic,
        _ body: (Int, Span<Float>) -> Void
    ) {
        let inputs =
            weight.preparesInputs(arithmetic)
            ? operands.right.prepared(in: scratch.prepared, arithmetic) : operands.right
        forEachPart(weight) { rows, target in
            FixedOrderProduct.multiply(
                operands.errors.columns(rows).transposed,
                inputs,
                into: target,
                arithmetic: arithmetic
            )
            return true
        } then: {
            body($0, $1)
        }
    }

    /// Makes some rows of one group's gradient at a time, and reads them: where they begin in the group, and their values.
    ///
    /// - Parameter make: writes the rows into a matrix, and says whether it did.
    func forEachPart(
        _ weight: ClippingPlan.Weight,
        _ make: (Range<Int>, MatrixView) -> Bool,
        then body: (Int, Span<Float>) -> Void
    ) {
        let shape = weight.shape
        for start in stride(from: 0, to: shape.rows, by: shape.partRows) {
            let rows = start..<min(shape.rows, start + shape.partRows)
            let target = MatrixView(scratch.partial, rows: rows.count, columns: shape.columns)
            guard make(rows, target) else { continue }
            scratch.partial.read(0..<rows.count * shape.columns) { body(rows.lowerBound * shape.columns, $0) }
        }
    }

    /// Adds a node's clipped gradients to the sum.
    func addSums(_ node: Int, _ tile: Tile, _ parameters: Buffer<Float>) {
        guard let sum else { return }
        let operation = plan.network.nodes[node].operation
        let first = plan.firstWeight(of: node)
        if operation.hasDirectGradient {
            for example in 0..<tile.examples {
                let factor = scratch.factor(example)
                guard factor > 0 else { continue }
                tile.bring(example..<example + 1)
                operation.visitDirectGradient(example: example, tile, parameters: parameters) { offset, values in
                    sum.add(values, scale: factor * perUnit, at: offset)
                }
            }
        }
        for product in plan.network.nodes[node].products.indices {
            let weight = plan.weights[first + product]
            if let capacity = weight.leafCapacity {
                let isByExample = weight.sumsByExample(arithmetic)
                forEachLeaf(capacity: capacity) { leaf in
                    if isByExample {
                        addLeafByExample(leaf, weight, operation, tile, to: sum)
                    } else {
                        addLeaf(leaf, weight, operation, tile, to: sum)
                    }
                }
            } else {
                addIntegers(weight, operation, tile, to: sum)
            }
        }
    }

    private func addIntegers(
        _ weight: ClippingPlan.Weight,
        _ operation: any Operation,
        _ tile: Tile,
        to sum: Accumulator
    ) {
        let start = tile.parameterOffset + operation.offset(ofParameter: weight.shape.parameter)
        for example in 0..<tile.examples {
            let factor = scratch.factor(example)
            guard factor > 0 else { continue }
            tile.bring(example..<example + 1)
            for group in 0..<weight.shape.groups {
                let operands = operation.operands(
                    weight.product,
                    group: group,
                    examples: example..<example + 1,
                    tile
                )
                let offset = start + group * weight.shape.rows * weight.shape.columns
                forEachPart(weight, operands, arithmetic) { place, gradient in
                    sum.add(gradient, scale: factor * perUnit, at: offset + place)
                }
            }
        }
    }

    /// One product for a leaf's examples, rounded once.
    private func addLeaf(
        _ leaf: Range<Int>,
        _ weight: ClippingPlan.Weight,
        _ operation: any Operation,
        _ tile: Tile,
        to sum: Accumulator
    ) {
        let shape = weight.shape
        let start = tile.parameterOffset + operation.offset(ofParameter: shape.parameter)
        let step = operation.operandExamples(weight.product, capacity: plan.capacity)
        for group in 0..<shape.groups {
            let offset = start + group * shape.rows * shape.columns
            guard leaf.count > step else {
                // All operands are there at once, so that a part of the sum at a time, which stays in cache, is enough.
                tile.bring(leaf)
                let operands = operation.operands(weight.product, group: group, examples: leaf, tile)
                forEachPart(weight, clip(operands, examples: leaf, weight), arithmetic.ofClippedErrors) {
                    sum.add($1, scale: perUnit, at: offset + $0)
                }
                continue
            }
            let target = shape.target(scratch.partial, offset: 0, group: 0)
            for first in stride(from: leaf.lowerBound, to: leaf.upperBound, by: step) {
                let examples = first..<min(leaf.upperBound, first + step)
                tile.bring(examples)
                let operands = operation.operands(weight.product, group: group, examples: examples, tile)
                let clipped = clip(operands, examples: examples, weight)
                // Its blocks of terms are what the certificate counts roundings by.
                FixedOrderProduct.multiply(
                    clipped.errors.transposed,
                    clipped.right,
                    into: target,
                    accumulate: first > leaf.lowerBound,
                    arithmetic: arithmetic.ofClippedErrors
                )
            }
            scratch.partial.read(0..<shape.rows * shape.columns) { sum.add($0, scale: perUnit, at: offset) }
        }
    }

    /// The operands of a leaf's product: errors, rounded, times the clip factors, in their own place where nobody reads them
    /// any more, else apart. Where a factor is 0 errors and inputs become zero, whatever they were: NaN times 0 is NaN, and
    /// the example's values are not needed any more.
    private func clip(
        _ operands: WeightOperands,
        examples: Range<Int>,
        _ weight: ClippingPlan.Weight
    ) -> WeightOperands {
        let errors = operands.errors
        let scaled =
            plan.scalesInPlace(weight)
            ? errors : MatrixView(scratch.scaledErrors, rows: errors.rows, columns: errors.columns)
        if roundsOperands { scaled.assignRounded(errors, arithmetic) }
        let places = weight.shape.places
        scratch.factors.read(examples) { factors in
            scaled.assign(roundsOperands ? scaled : errors, times: factors, places: places)
            for index in factors.indices where factors[index] == 0 {
                operands.inputs.rows(index * places..<(index + 1) * places).clear()
            }
        }
        guard arithmetic.ofClippedErrors != arithmetic, !operands.inputsAreRounded else {
            return WeightOperands(
                errors: scaled,
                inputs: operands.inputs,
                inputsAreRounded: operands.inputsAreRounded
            )
        }
        let inputs = MatrixView(scratch.rounded, rows: operands.inputs.rows, columns: operands.inputs.columns)
        inputs.assignRounded(operands.inputs, arithmetic)
        return WeightOperands(errors: scaled, inputs: inputs, inputsAreRounded: true)
    }
}

extension WeightOperands {
    /// One row of both.
    fileprivate func row(_ row: Int) -> WeightOperands {
        WeightOperands(
            errors: errors.rows(row..<row + 1),
            inputs: inputs.rows(row..<row + 1),
            inputsAreRounded: inputsAreRounded
        )
    }
}

extension ClippingPlan.Weight {
    /// Whether one example's gradient is one outer product, whose norm is the product of two norms.
    fileprivate var isOuterProduct: Bool { norm == .gram && shape.places == 1 && shape.groups == 1 }
}

extension WeightProduct {
    /// Rows of one group whose gradients are made at once: some 64 KiB, where that is enough rows for a product, and at
    /// most 256 KiB or eight rows.
    var partRows: Int {
        func rows(floats: Int) -> Int { floats / columns / 8 * 8 }
        return min(self.rows, max(32, rows(floats: 1 << 14)), max(8, rows(floats: 1 << 16)))
    }

    /// One group's matrix [rows, columns] in a buffer where the weight begins at `offset`.
    func target(_ buffer: Buffer<Float>, offset: Int, group: Int) -> MatrixView {
        MatrixView(buffer, offset: offset + group * rows * columns, rows: rows, columns: columns)
    }
}
