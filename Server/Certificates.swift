// SPDX-License-Identifier: Apache-2.0

import Aggregator
import CommandLineKit
import Glibc
import Logging
import NIOSSL
import Synchronization

/// The certificate that connections are opened with, read again when its files change.
final class Certificates: Sendable {
    private let chain: String
    private let key: String
    private let state: Mutex<(context: NIOSSLContext, mark: String)>

    /// - Throws: ``AggregatorError/input(_:)`` when the files cannot be read, do not fit each other, or the certificate is
    ///   not valid now.
    init(chain: String, key: String) throws {
        self.chain = chain
        self.key = key
        let mark = Self.mark(chain, key)
        state = Mutex((try Self.load(chain, key), mark))
    }

    /// What new connections use.
    var context: NIOSSLContext { state.withLock { $0.context } }

    /// Takes up files that have changed. What cannot be used is logged, and the old certificate stays.
    func refresh(_ logger: Logger) {
        let mark = Self.mark(chain, key)
        guard state.withLock({ $0.mark }) != mark else { return }
        do {
            let context = try Self.load(chain, key)
            state.withLock { $0 = (context, mark) }
            logger.notice("\(chain): the new certificate is in use")
        } catch {
            state.withLock { $0.mark = mark }
            logger.error("\(error); the old certificate stays in use")
        }
    }

    private static func load(_ chain: String, _ key: String) throws -> NIOSSLContext {
        let certificates: [NIOSSLCertificate]
        do {
            certificates = try NIOSSLCertificate.fromPEMFile(chain)
        } catch {
            throw AggregatorError.input("certificate \(chain): cannot be read as PEM certificates")
        }
        guard let leaf = certificates.first else {
            throw AggregatorError.input("certificate \(chain): holds no certificate; it must be a PEM file")
        }
        let now = time(nil)
        guard leaf.notValidAfter > now else {
            throw AggregatorError.input("certificate \(chain): has expired; renew it")
        }
        guard leaf.notValidBefore <= now else {
            throw AggregatorError.input("certificate \(chain): is not valid yet; check the clock")
        }
        let secret: NIOSSLPrivateKey
        do {
            secret = try NIOSSLPrivateKey(file: key, format: .pem)
        } catch {
            throw AggregatorError.input("key \(key): cannot be read as an unencrypted PEM key")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: certificates.map { .certificate($0) },
            privateKey: .privateKey(secret)
        )
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw AggregatorError.input("key \(key): is not the key of the certificate \(chain)")
        }
    }

    /// What tells a file from one that has replaced it.
    private static func mark(_ paths: String...) -> String {
        paths.map { path in
            var status = stat()
            guard unsafe stat(path, &status) == 0 else { return "none" }
            let time = status.st_mtim
            return "\(status.st_ino) \(status.st_size) \(time.tv_sec) \(time.tv_nsec)"
        }
        .joined(separator: " ")
    }
}
