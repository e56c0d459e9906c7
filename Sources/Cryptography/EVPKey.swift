// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// An owned `EVP_PKEY` of one of the two curves; freeing it erases the private part.
@safe
struct EVPKey: ~Copyable, @unchecked Sendable {
    enum Algorithm {
        case x25519
        case ed25519

        var identifier: Int32 {
            switch self {
            case .x25519: EVP_PKEY_X25519
            case .ed25519: EVP_PKEY_ED25519
            }
        }

        var name: String {
            switch self {
            case .x25519: "X25519"
            case .ed25519: "Ed25519"
            }
        }
    }

    /// Keys of both curves, public and private, have this many bytes.
    static let length = 32

    // Sendable because libcrypto only reads a finished key.
    let pointer: OpaquePointer
    private let algorithm: Algorithm

    init(_ algorithm: Algorithm, privateKey: Span<UInt8>) throws(CryptographyError) {
        try requireLength(Self.length, privateKey.count, of: "\(algorithm.name) private key")
        let pointer = unsafe privateKey.withUnsafeBufferPointer {
            unsafe EVP_PKEY_new_raw_private_key(algorithm.identifier, nil, $0.baseAddress, $0.count)
        }
        guard let pointer = unsafe pointer else {
            throw .libraryFailure(operation: "\(algorithm.name) private key")
        }
        unsafe self.pointer = unsafe pointer
        self.algorithm = algorithm
    }

    init(_ algorithm: Algorithm, publicKey: [UInt8]) throws(CryptographyError) {
        try requireLength(Self.length, publicKey.count, of: "\(algorithm.name) public key")
        guard let pointer = unsafe EVP_PKEY_new_raw_public_key(algorithm.identifier, nil, publicKey, publicKey.count)
        else {
            throw .libraryFailure(operation: "\(algorithm.name) public key")
        }
        unsafe self.pointer = unsafe pointer
        self.algorithm = algorithm
    }

    deinit {
        unsafe EVP_PKEY_free(pointer)
    }

    /// The public key, 32 bytes.
    func publicKeyBytes() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.length)
        var length = Self.length
        let done = unsafe EVP_PKEY_get_raw_public_key(pointer, &bytes, &length)
        precondition(done == 1 && length == Self.length, "both curves have public keys of 32 bytes")
        return bytes
    }

    /// The private key, 32 bytes; only for a key that was made from one.
    func privateKeyBytes() -> SecretBytes {
        var secret = SecretBytes(count: Self.length)
        let done = secret.withMutableSpan { bytes in
            unsafe bytes.withUnsafeMutableBufferPointer { bytes in
                var length = bytes.count
                return unsafe EVP_PKEY_get_raw_private_key(pointer, bytes.baseAddress, &length)
            }
        }
        precondition(done == 1, "the key holds a private part of 32 bytes")
        return secret
    }
}
