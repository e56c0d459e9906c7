// SPDX-License-Identifier: Apache-2.0

internal import COpenBLAS

/// The processor and the matrix library that this process computes with.
///
/// The room *Kernels* holds every loop that takes a noticeable share of training: products (OpenBLAS), elementwise
/// functions, reductions, windows of convolutions, the exact integer clip, and the two things they run on, `Buffer`
/// and `WorkerPool`. It promises that what decides a norm or an integer has the same bits whatever else is computed
/// beside it, and, for its own loops, on every processor. It never reads a clock, a file or a random number.
package enum Processor {
    /// Sets the matrix library up with one thread, because workers are our own.
    ///
    /// The first thing in every `main`, before any other thread runs; later calls do nothing. OpenBLAS picks its core by
    /// processor model, or as the environment variable `OPENBLAS_CORETYPE` says.
    package static func prepare() {
        _ = description
    }

    /// Core, version and instruction level, for certificates, for example `OpenBLAS 0.3.21 SkylakeX`.
    package static let description: String = {
        openblas_set_num_threads(1)
        let words = unsafe String(cString: openblas_get_config()).split(separator: " ")
        let core = unsafe String(cString: openblas_get_corename())
        return "\(words.prefix(2).joined(separator: " ")) \(core)"
    }()
}
