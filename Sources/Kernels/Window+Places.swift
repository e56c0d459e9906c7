// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// The places of maxima in 16 bits each.
extension Window {
    /// Whether 16 bits tell where in its window an element is: all that a window sees is within 2^16 elements of the image.
    package var packsPlaces: Bool {
        let (rows, columns) = (dilationY * (kernelHeight - 1), dilationX * (kernelWidth - 1))
        // A window that is cut off by the image's edges sees no more than the image has.
        return (min(rows, height - 1) * width + min(columns, width - 1)) * channels < 1 << 16
    }

    /// - Parameter argument: as ``maximum(of:into:argument:)`` gives it.
    package func packPlaces(_ argument: Span<Float>, into places: inout MutableSpan<UInt16>) {
        precondition(argument.count == pooledCount && places.count == pooledCount, "sizes differ")
        unsafe argument.withUnsafeBufferPointer { argument in
            unsafe places.withUnsafeMutableBufferPointer { places in
                unsafe sotto_pack_places(argument.baseAddress!, argument.count, places.baseAddress!)
            }
        }
    }

    /// What ``packPlaces(_:into:)`` was given; only where ``packsPlaces``.
    package func unpackPlaces(_ places: Span<UInt16>, into argument: inout MutableSpan<Float>) {
        precondition(packsPlaces && imageCount <= Int32.max, "16 bits do not tell the places")
        precondition(argument.count == pooledCount && places.count == pooledCount, "sizes differ")
        unsafe places.withUnsafeBufferPointer { places in
            unsafe argument.withUnsafeMutableBufferPointer { argument in
                unsafe sotto_unpack_places(places.baseAddress!, c, argument.baseAddress!)
            }
        }
    }
}
