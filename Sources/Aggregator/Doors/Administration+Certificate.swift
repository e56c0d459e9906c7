// SPDX-License-Identifier: Apache-2.0

internal import Cryptography
internal import Files

extension Administration {
    /// The PEM files that connections are protected with; `nil` for plain HTTP. A development certificate is made where
    /// there is none: `development-certificate.pem` in the state folder, which clients are given.
    public static func certificateFiles(
        _ configuration: ServerConfiguration
    ) throws(AggregatorError) -> (certificate: String, key: String)? {
        switch configuration.doors.security {
        case .plain: return nil
        case .files(let certificate, let key): return (certificate, key)
        case .development: break
        }
        let certificate = configuration.stateFolder + "/development-certificate.pem"
        let key = configuration.stateFolder + "/development-key.pem"
        var hosts = ["localhost", "127.0.0.1", "::1"]
        let host = configuration.listen.host
        if !hosts.contains(host), host != "0.0.0.0", host != "::" { hosts.append(host) }
        do {
            try DurableFile.makeFolder(configuration.stateFolder)
            // The key is written first, so that there is never a certificate without its key.
            if try !DurableFile.exists(certificate) {
                let made = try SelfSignedCertificate.make(hosts: hosts, days: 365)
                try DurableFile.write(made.key.copied(), to: key)
                try DurableFile.write(made.certificate, to: certificate, mode: 0o644)
            }
        } catch {
            throw .failure("development certificate: \(error)")
        }
        return (certificate, key)
    }
}
