// SPDX-License-Identifier: Apache-2.0

internal import CZstd
internal import Cryptography

/// One zstd frame (RFC 8878) of known content size. What libzstd copies into its own memory while it works is freed
/// without being erased.
enum Zstandard {
    private static let level: Int32 = 3

    /// Compresses the content into one frame that states its size, with a new block at every multiple of `blockBytes`.
    ///
    /// - Returns: `nil` where libzstd has no memory.
    static func compress(_ content: Span<UInt8>, blockBytes: Int) -> [UInt8]? {
        guard let context = unsafe ZSTD_createCCtx() else { return nil }
        defer { unsafe ZSTD_freeCCtx(context) }
        unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
        unsafe ZSTD_CCtx_setPledgedSrcSize(context, UInt64(content.count))
        let flushes = content.count / blockBytes + 1
        let capacity = ZSTD_compressBound(content.count) + 16 * flushes
        var complete = false
        let frame = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { frame, frameCount in
            unsafe content.withUnsafeBufferPointer { content in
                var output = unsafe ZSTD_outBuffer(dst: frame.baseAddress, size: capacity, pos: 0)
                var input = unsafe ZSTD_inBuffer(src: content.baseAddress, size: 0, pos: 0)
                while unsafe input.size < content.count {
                    unsafe input.size = min(input.size + blockBytes, content.count)
                    let directive = unsafe input.size == content.count ? ZSTD_e_end : ZSTD_e_flush
                    guard unsafe ZSTD_compressStream2(context, &output, &input, directive) == 0 else { return }
                }
                complete = true
                frameCount = unsafe output.pos
            }
        }
        return complete ? frame : nil
    }

    /// Decompresses exactly one frame of exactly `expected` bytes.
    ///
    /// The frame's stated size and its extent are checked before memory is taken, so that a short frame that would grow
    /// without end is refused at the price of reading its headers.
    static func decompress(_ frame: Span<UInt8>, expected: Int) throws(UpdateError) -> SecretBytes {
        try unsafe frame.withUnsafeBufferPointer { (frame) throws(UpdateError) -> SecretBytes in
            let stated = unsafe ZSTD_getFrameContentSize(frame.baseAddress, frame.count)
            guard stated == UInt64(expected) else {
                throw .malformed(what: "zstd payload's header", expected: "a frame that states \(expected) bytes")
            }
            let extent = unsafe ZSTD_findFrameCompressedSize(frame.baseAddress, frame.count)
            guard ZSTD_isError(extent) == 0 else { throw .compression(reason: name(ofError: extent)) }
            guard extent == frame.count else {
                throw .wrongLength(what: "zstd payload", found: frame.count, expected: extent)
            }
            var content = SecretBytes(count: expected)
            let written = content.withMutableSpan { content in
                unsafe content.withUnsafeMutableBufferPointer { content in
                    unsafe ZSTD_decompress(content.baseAddress, content.count, frame.baseAddress, frame.count)
                }
            }
            guard ZSTD_isError(written) == 0 else { throw .compression(reason: name(ofError: written)) }
            guard written == expected else {
                throw .wrongLength(what: "zstd content", found: written, expected: expected)
            }
            return content
        }
    }

    private static func name(ofError code: Int) -> String {
        guard let text = unsafe ZSTD_getErrorName(code) else { return "unknown error" }
        return unsafe String(cString: text)
    }
}
