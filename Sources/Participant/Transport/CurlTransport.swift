// SPDX-License-Identifier: Apache-2.0

internal import CCurl

/// HTTP by libcurl, one connection kept open. Certificates are always verified; redirects are never followed.
///
/// The only type that touches libcurl.
package final class CurlTransport: Transport {
    private let handle: OpaqueHandle
    private let base: String
    private let question: StopQuestion

    /// - Parameters:
    ///   - address: the server.
    ///   - certificate: a PEM file, the only certificates that are trusted; `nil` for those of the system.
    ///   - timeoutSeconds: limit of a whole exchange.
    ///   - question: an exchange ends early, as if the connection had failed, when it is answered with yes.
    package init(
        address: ServerAddress,
        certificate: String? = nil,
        timeoutSeconds: Int = 120,
        question: StopQuestion = StopQuestion()
    ) throws(TransportError) {
        base = address.description
        self.question = question
        handle = try OpaqueHandle()
        let secure = base.hasPrefix("https://")
        unsafe check(sotto_curl_set_string(handle.pointer, CURLOPT_PROTOCOLS_STR, secure ? "https" : "http"))
        unsafe check(sotto_curl_set_long(handle.pointer, CURLOPT_FOLLOWLOCATION, 0))
        unsafe check(sotto_curl_set_long(handle.pointer, CURLOPT_NOSIGNAL, 1))
        unsafe check(sotto_curl_set_long(handle.pointer, CURLOPT_CONNECTTIMEOUT, 10))
        unsafe check(sotto_curl_set_long(handle.pointer, CURLOPT_TIMEOUT, timeoutSeconds))
        unsafe check(sotto_curl_set_long(handle.pointer, CURLOPT_TCP_KEEPALIVE, 1))
        unsafe check(sotto_curl_set_string(handle.pointer, CURLOPT_PROXY, ""))
        // libcurl asks at least once a second, also while it resolves a name or connects.
        unsafe check(sotto_curl_set_long(handle.pointer, CURLOPT_NOPROGRESS, 0))
        unsafe check(
            sotto_curl_set_progress(handle.pointer) { context, _, _, _, _ in
                guard let context = unsafe context else { return 0 }
                return unsafe Unmanaged<StopQuestion>.fromOpaque(context).takeUnretainedValue().isAnsweredYes ? 1 : 0
            }
        )
        // This object keeps the question alive as long as the handle.
        unsafe check(
            sotto_curl_set_pointer(
                handle.pointer,
                CURLOPT_XFERINFODATA,
                Unmanaged.passUnretained(question).toOpaque()
            )
        )
        if let certificate {
            unsafe check(sotto_curl_set_string(handle.pointer, CURLOPT_CAINFO, certificate))
            unsafe check(sotto_curl_set_string(handle.pointer, CURLOPT_CAPATH, nil))
        }
    }

    package func send(_ request: TransportRequest) throws(TransportError) -> TransportReply {
        let reply = ReplyBuffer(limit: request.replyLimit)
        let code = perform(request, reply)
        // An exchange leaves nothing behind that the next one could send.
        unsafe check(sotto_curl_set_pointer(handle.pointer, CURLOPT_POSTFIELDS, nil))
        unsafe check(sotto_curl_set_list(handle.pointer, CURLOPT_HTTPHEADER, nil))
        guard code == CURLE_OK else {
            if reply.overflowed {
                throw TransportError("\(base)\(request.target): the reply exceeds \(request.replyLimit) bytes")
            }
            throw TransportError("\(base): \(unsafe String(cString: curl_easy_strerror(code)))")
        }
        // libcurl takes a head that ends with the connection for a whole one, without a body.
        guard reply.hasWholeHead else { throw TransportError("\(base): the connection ended within a reply's head") }
        var status = 0
        unsafe check(sotto_curl_status(handle.pointer, &status))
        return TransportReply(status: status, body: reply.bytes)
    }

    private func perform(_ request: TransportRequest, _ reply: ReplyBuffer) -> CURLcode {
        var list: UnsafeMutablePointer<curl_slist>?
        defer { unsafe curl_slist_free_all(list) }
        for header in request.headers {
            unsafe list = curl_slist_append(list, "\(header.name): \(header.value)")
        }
        if !request.range.isEmpty { unsafe list = curl_slist_append(list, "range: \(request.range)") }
        unsafe list = curl_slist_append(list, "content-type: application/octet-stream")
        // Without this, libcurl waits a second for the server's leave to send a long body.
        unsafe list = curl_slist_append(list, "expect:")
        unsafe check(sotto_curl_set_string(handle.pointer, CURLOPT_URL, base + request.target))
        unsafe check(sotto_curl_set_string(handle.pointer, CURLOPT_CUSTOMREQUEST, request.method))
        unsafe check(sotto_curl_set_list(handle.pointer, CURLOPT_HTTPHEADER, list))
        unsafe check(
            sotto_curl_set_write(handle.pointer, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
                guard let bytes = unsafe bytes, let context = unsafe context else { return 0 }
                let buffer = unsafe Unmanaged<ReplyBuffer>.fromOpaque(context).takeUnretainedValue()
                return unsafe buffer.append(UnsafeRawBufferPointer(start: bytes, count: size * count))
                    ? size * count : 0
            }
        )
        unsafe check(
            sotto_curl_set_write(handle.pointer, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
                guard let bytes = unsafe bytes, let context = unsafe context else { return 0 }
                let buffer = unsafe Unmanaged<ReplyBuffer>.fromOpaque(context).takeUnretainedValue()
                unsafe buffer.noteHeadLine(UnsafeRawBufferPointer(start: bytes, count: size * count))
                return size * count
            }
        )
        return withExtendedLifetime(reply) {
            unsafe check(
                sotto_curl_set_pointer(
                    handle.pointer,
                    CURLOPT_HEADERDATA,
                    Unmanaged.passUnretained(reply).toOpaque()
                )
            )
            unsafe check(
                sotto_curl_set_pointer(
                    handle.pointer,
                    CURLOPT_WRITEDATA,
                    Unmanaged.passUnretained(reply).toOpaque()
                )
            )
            // The body stays in place for the whole exchange, so libcurl need not copy it.
            return unsafe request.body.withUnsafeBytes { body in
                if request.method == "GET" {
                    unsafe check(sotto_curl_set_long(handle.pointer, CURLOPT_HTTPGET, 1))
                } else {
                    unsafe check(sotto_curl_set_long(handle.pointer, CURLOPT_POST, 1))
                    unsafe check(
                        sotto_curl_set_size(handle.pointer, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count))
                    )
                    // libcurl reads a null body as "ask the callback"; an empty body still needs an address.
                    let start = unsafe UnsafeMutableRawPointer(
                        mutating: body.baseAddress ?? UnsafeRawPointer(handle.pointer)
                    )
                    unsafe check(sotto_curl_set_pointer(handle.pointer, CURLOPT_POSTFIELDS, start))
                }
                return unsafe curl_easy_perform(handle.pointer)
            }
        }
    }

    private func check(_ code: CURLcode) {
        precondition(code == CURLE_OK, "libcurl supports the options of version 7.85 and later")
    }
}

/// Owns one libcurl handle; safe because the handle lives exactly as long as its owner, which one thread uses.
@safe private final class OpaqueHandle {
    let pointer: UnsafeMutableRawPointer

    /// libcurl wants this once in a process, before any handle.
    private static let initialised = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    init() throws(TransportError) {
        guard Self.initialised, let pointer = unsafe curl_easy_init() else {
            throw TransportError("libcurl cannot be initialised on this machine")
        }
        unsafe self.pointer = pointer
    }

    deinit {
        unsafe curl_easy_cleanup(pointer)
    }
}

/// Collects a reply up to its limit.
private final class ReplyBuffer {
    private(set) var bytes: [UInt8] = []
    private(set) var overflowed = false
    /// Whether the empty line behind the last head has come.
    private(set) var hasWholeHead = false
    private let limit: Int

    init(limit: Int) {
        self.limit = limit
    }

    /// Takes a line of a head with its end, as libcurl gives them one by one, interim replies' included.
    func noteHeadLine(_ line: UnsafeRawBufferPointer) {
        hasWholeHead = unsafe line.elementsEqual([0x0D, 0x0A])
    }

    func append(_ chunk: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count + chunk.count <= limit else {
            overflowed = true
            return false
        }
        unsafe bytes.append(contentsOf: chunk)
        return true
    }
}
