// SPDX-License-Identifier: Apache-2.0

internal import Cryptography
internal import Files

/// Where the key comes from that a state folder is encrypted under.
public enum DeviceKeySource: Hashable, Sendable {
    /// `device.key` in the state folder itself, made on first use. It keeps secrets out of backups that leave this one file
    /// out, and lets a device be wiped by removing it; who can copy the whole folder can read it.
    case stateFolder
    /// Another file, for example a credential of systemd or on a medium of its own: 32 bytes, or 64 hexadecimal digits.
    case file(String)
    /// 64 hexadecimal digits.
    case hexadecimal(String)
}

/// Encrypts what must outlive the process: AES-256-GCM with a fresh nonce each time and the name of the content as associated
/// data, so that one file is never taken for another.
struct DeviceKey: ~Copyable {
    /// No protobuf message of this room begins with this byte sequence: its first byte would open a group.
    private static let magic = Array("sotto sealed 1\n".utf8)
    private static let fileName = "device.key"
    /// Bytes by which sealed content is longer.
    static let overhead = magic.count + AES256GCM.nonceLength + AES256GCM.tagLength

    private let key: SecretBytes
    /// What to name when the key is wrong.
    private let origin: String

    /// - Parameters:
    ///   - folder: the state folder.
    ///   - mayMake: whether the folder's own key may be made where there is none.
    init(_ source: DeviceKeySource, folder: String, mayMake: Bool) throws(ParticipantError) {
        switch source {
        case .stateFolder:
            let path = "\(folder)/\(Self.fileName)"
            origin = path
            if mayMake, try !StateFolder.translating({ () throws(FileError) in try DurableFile.exists(path) }) {
                var text = Array(Hexadecimal.text(SystemRandom.bytes(AES256GCM.keyLength)).utf8) + [UInt8(ascii: "\n")]
                defer { cleanse(&text) }
                _ = try StateFolder.translating { () throws(FileError) in try DurableFile.create(text, at: path) }
            }
            key = try Self.read(path, hint: "restore it, or name the key with --device-key")
        case .file(let path):
            origin = "--device-key \(path)"
            key = try Self.read(path, hint: "name a file of 32 bytes or 64 hexadecimal digits")
        case .hexadecimal(let text):
            origin = "SOTTO_DEVICE_KEY"
            var bytes = Array(text.utf8)
            defer { cleanse(&bytes) }
            guard let key = Self.key(bytes), bytes.count >= 2 * AES256GCM.keyLength else {
                throw .input("SOTTO_DEVICE_KEY: must be 64 hexadecimal digits")
            }
            self.key = key
        }
    }

    private static func read(_ path: String, hint: String) throws(ParticipantError) -> SecretBytes {
        let read = try StateFolder.translating { () throws(FileError) in try DurableFile.read(path, limit: 4096) }
        guard var bytes = read else { throw .input("\(path): is missing; \(hint)") }
        defer { cleanse(&bytes) }
        guard let key = key(bytes) else {
            throw .input("\(path): is not a device key; it must hold 32 bytes or 64 hexadecimal digits")
        }
        return key
    }

    /// 32 bytes, or 64 digits with white space behind them.
    private static func key(_ bytes: [UInt8]) -> SecretBytes? {
        if bytes.count == AES256GCM.keyLength { return SecretBytes(copying: bytes) }
        guard
            bytes.count >= 2 * AES256GCM.keyLength,
            bytes.dropFirst(2 * AES256GCM.keyLength).allSatisfy({ [10, 13, 32].contains($0) }),
            var key = Hexadecimal.bytes(String(decoding: bytes.prefix(2 * AES256GCM.keyLength), as: UTF8.self))
        else { return nil }
        defer { cleanse(&key) }
        return SecretBytes(copying: key)
    }

    /// Whether these are bytes of ``seal(_:name:)``, of whatever key.
    static func isSealed(_ bytes: [UInt8]) -> Bool { bytes.starts(with: magic) }

    /// The content under this key; `name` says what it is.
    borrowing func seal(_ content: [UInt8], name: String) throws(ParticipantError) -> [UInt8] {
        let nonce = SystemRandom.bytes(AES256GCM.nonceLength)
        do {
            return try Self.magic + nonce
                + AES256GCM.seal(plaintext: content, key: key, nonce: nonce, associatedData: Self.context(name))
        } catch {
            throw .failure("\(name): \(error)")
        }
    }

    /// What was sealed as `name`.
    ///
    /// - Parameter path: for the message when this is not the key.
    borrowing func open(_ sealed: [UInt8], name: String, path: String) throws(ParticipantError) -> [UInt8] {
        let start = Self.magic.count + AES256GCM.nonceLength
        guard Self.isSealed(sealed), sealed.count >= start else {
            throw .input("\(path): is not encrypted, but this folder is; restore it from a backup")
        }
        do {
            return try AES256GCM.open(
                Array(sealed[start...]),
                key: key,
                nonce: Array(sealed[Self.magic.count..<start]),
                associatedData: Self.context(name)
            )
        } catch {
            throw .input("\(path): cannot be decrypted with \(origin); name the key that this folder was made with")
        }
    }

    private static func context(_ name: String) -> [UInt8] { Array("sotto client state 1 \(name)".utf8) }
}
