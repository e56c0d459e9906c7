// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// A self-signed X.509 certificate for development (RFC 5280): ECDSA over P-256 with SHA-256, for the server authentication
/// of the names it is made for, and not an authority.
package struct SelfSignedCertificate: ~Copyable {
    /// PEM of the certificate.
    package let certificate: [UInt8]
    /// PEM of the private key (PKCS #8).
    package let key: SecretBytes

    private init(certificate: [UInt8], key: consuming SecretBytes) {
        self.certificate = certificate
        self.key = key
    }

    /// - Parameters:
    ///   - hosts: DNS names and IP addresses, at least one; the first is the subject's name.
    ///   - days: for how long it is valid.
    ///   - begins: in how many seconds that begins.
    /// - Throws: `libraryFailure` for a host that is neither a name nor an address.
    package static func make(
        hosts: [String],
        days: Int,
        begins: Int = -3600
    ) throws(CryptographyError) -> SelfSignedCertificate {
        precondition(!hosts.isEmpty && days > 0, "a certificate is for somebody, and for some time")
        // One that could be read as a further name, or as an option, is no name.
        let isPlain = hosts.allSatisfy { host in
            !host.isEmpty
                && host.utf8.allSatisfy { byte in
                    let character = Character(Unicode.Scalar(byte))
                    return byte < 128 && (character.isLetter || character.isNumber || ".-:".contains(character))
                }
        }
        guard isPlain, let pair = unsafe makeKey() else { throw .libraryFailure(operation: "certificate") }
        defer { unsafe EVP_PKEY_free(pair) }
        guard let certificate = unsafe X509_new() else { throw .libraryFailure(operation: "certificate") }
        defer { unsafe X509_free(certificate) }
        let isDone = unsafe fill(certificate, hosts, begins, days, pair)
        guard isDone else { throw .libraryFailure(operation: "certificate") }
        let text = try unsafe pem("certificate") { memory in unsafe PEM_write_bio_X509(memory, certificate) }
        let key = try unsafe pem("private key") { memory in
            unsafe PEM_write_bio_PKCS8PrivateKey(memory, pair, nil, nil, 0, nil, nil)
        }
        return SelfSignedCertificate(certificate: text.copied(), key: key)
    }

    private static func makeKey() -> OpaquePointer? {
        guard let context = unsafe EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nil) else { return nil }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        let made =
            unsafe EVP_PKEY_keygen_init(context) == 1
            && EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1) == 1
            && EVP_PKEY_generate(context, &key) == 1
        return made ? unsafe key : nil
    }

    private static func fill(
        _ certificate: OpaquePointer,
        _ hosts: [String],
        _ begins: Int,
        _ days: Int,
        _ key: OpaquePointer
    ) -> Bool {
        // 20 bytes at most, positive.
        let serial = SystemRandom.bytes(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) } >> 1
        guard unsafe X509_set_version(certificate, 2) == 1,
            unsafe ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial) == 1,
            unsafe X509_gmtime_adj(X509_getm_notBefore(certificate), begins) != nil,
            unsafe X509_gmtime_adj(X509_getm_notAfter(certificate), begins + days * 86_400) != nil,
            unsafe X509_set_pubkey(certificate, key) == 1,
            let name = unsafe X509_get_subject_name(certificate),
            unsafe X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, hosts[0], -1, -1, 0) == 1,
            unsafe X509_set_issuer_name(certificate, name) == 1
        else { return false }
        let alternatives = hosts.map { host in
            let octets = host.split(separator: ".", omittingEmptySubsequences: false)
            let isAddress = host.contains(":") || octets.count == 4 && octets.allSatisfy { UInt8($0) != nil }
            return (isAddress ? "IP:" : "DNS:") + host
        }
        let extensions = [
            (NID_subject_alt_name, alternatives.joined(separator: ",")),
            (NID_basic_constraints, "critical,CA:FALSE"),
            (NID_key_usage, "critical,digitalSignature"),
            (NID_ext_key_usage, "serverAuth"),
        ]
        for (number, value) in extensions {
            guard let part = unsafe X509V3_EXT_conf_nid(nil, nil, number, value) else { return false }
            defer { unsafe X509_EXTENSION_free(part) }
            guard unsafe X509_add_ext(certificate, part, -1) == 1 else { return false }
        }
        return unsafe X509_sign(certificate, key, EVP_sha256()) > 0
    }

    private static func pem(
        _ what: String,
        _ write: (OpaquePointer) -> Int32
    ) throws(CryptographyError) -> SecretBytes {
        guard let memory = unsafe BIO_new(BIO_s_secmem()) else { throw .libraryFailure(operation: "PEM of a \(what)") }
        defer { unsafe BIO_free(memory) }
        guard unsafe write(memory) == 1 else { throw .libraryFailure(operation: "PEM of a \(what)") }
        var bytes = SecretBytes(count: unsafe BIO_ctrl_pending(memory))
        let read = bytes.withMutableSpan { bytes in
            unsafe bytes.withUnsafeMutableBufferPointer { unsafe BIO_read(memory, $0.baseAddress, Int32($0.count)) }
        }
        guard Int(read) == bytes.count, read > 0 else { throw .libraryFailure(operation: "PEM of a \(what)") }
        return bytes
    }
}
