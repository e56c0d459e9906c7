// SPDX-License-Identifier: Apache-2.0

internal import CKernels

extension LevelCheck {
    /// Patches and pools on `values`, at least 8, taken as images two elements high of few and of many channels.
    static func windows(on values: [Float]) -> [LevelLoop] {
        [1, 3, 16, 33].filter { 2 * $0 <= values.count }.flatMap { channels in
            let window = Window(
                channels: channels,
                height: 2,
                width: values.count / (2 * channels),
                kernel: (3, 2),
                stride: (1, 1),
                padding: (1, 1)
            )
            return patches(values, window) + pools(values, window)
        }
    }

    private static func patches(_ values: [Float], _ window: Window) -> [LevelLoop] {
        let (c, positions) = (window.c, window.positions)
        var patches = [Float](repeating: 0, count: positions * window.patchCount)
        unsafe sotto_patches_portable(values, c, 0, positions, 0, &patches)
        return [
            LevelLoop("patches", patches.count) {
                unsafe sotto_patches(values, c, 0, positions, 0, &$0)
            } _: {
                unsafe sotto_patches_portable(values, c, 0, positions, 0, &$0)
            },
            LevelLoop("add patches", from: values) { [patches] in
                unsafe sotto_add_patches(patches, c, 0, positions, 0, &$0)
            } _: { [patches] in
                unsafe sotto_add_patches_portable(patches, c, 0, positions, 0, &$0)
            },
        ]
    }

    private static func pools(_ values: [Float], _ window: Window) -> [LevelLoop] {
        let (c, count, imageCount) = (window.c, window.pooledCount, window.imageCount)
        let bins = sotto_bins(
            channels: window.channels,
            height: window.height,
            width: window.width,
            output_height: 3,
            output_width: 1
        )
        var (maxima, winners) = ([Float](repeating: 0, count: count), [Float](repeating: 0, count: count))
        unsafe sotto_max_pool_portable(values, c, &maxima, &winners)
        let places = winners.map { UInt16(truncatingIfNeeded: $0.bitPattern) }
        let given = (0..<3 * count).map { values[$0 % values.count] }
        return [
            LevelLoop("max pooling", count) {
                var winners = winners
                unsafe sotto_max_pool(values, c, &$0, &winners)
            } _: {
                var winners = winners
                unsafe sotto_max_pool_portable(values, c, &$0, &winners)
            },
            LevelLoop("places of max pooling", count) {
                var maxima = maxima
                unsafe sotto_max_pool(values, c, &maxima, &$0)
            } _: {
                var maxima = maxima
                unsafe sotto_max_pool_portable(values, c, &maxima, &$0)
            },
            LevelLoop("16 bits of places", count) {
                var places = [UInt16](repeating: 0, count: count)
                unsafe sotto_pack_places(winners, count, &places)
                $0 = places.map(Float.init)
            } _: {
                var places = [UInt16](repeating: 0, count: count)
                unsafe sotto_pack_places_portable(winners, count, &places)
                $0 = places.map(Float.init)
            },
            LevelLoop("places of 16 bits", count) {
                unsafe sotto_unpack_places(places, c, &$0)
            } _: {
                unsafe sotto_unpack_places_portable(places, c, &$0)
            },
            LevelLoop("max pooling backward", imageCount) {
                unsafe sotto_max_pool_backward(winners, given, c, &$0)
            } _: {
                unsafe sotto_max_pool_backward_portable(winners, given, c, &$0)
            },
            LevelLoop("average pooling", count) {
                unsafe sotto_average_pool(values, c, 0, &$0)
            } _: {
                unsafe sotto_average_pool_portable(values, c, 0, &$0)
            },
            LevelLoop("average pooling backward", imageCount) {
                unsafe sotto_average_pool_backward(given, c, 0, &$0)
            } _: {
                unsafe sotto_average_pool_backward_portable(given, c, 0, &$0)
            },
            LevelLoop("adaptive average pooling", 3 * window.channels) {
                unsafe sotto_adaptive_average_pool(values, bins, &$0)
            } _: {
                unsafe sotto_adaptive_average_pool_portable(values, bins, &$0)
            },
            LevelLoop("adaptive average pooling backward", imageCount) {
                unsafe sotto_adaptive_average_pool_backward(given, bins, &$0)
            } _: {
                unsafe sotto_adaptive_average_pool_backward_portable(given, bins, &$0)
            },
        ]
    }
}
