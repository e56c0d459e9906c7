// SPDX-License-Identifier: Apache-2.0

import TestKit

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A headless Chromium of this machine, where it has one.
enum Browser {
    static let path: String? = {
        let candidates: [String] = ["/usr/bin/chromium", "/usr/bin/google-chrome"]
        return candidates.first { unsafe access($0, X_OK) == 0 }
    }()

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// The DOM of a page after its scripts have run, as text.
    ///
    /// - Parameter screenshot: a file that is written too, or `nil`.
    static func document(of url: String, screenshot: String? = nil, in folder: MemoryFolder) async throws -> String {
        guard let path else { throw Failure(description: "no Chromium") }
        var arguments = [
            "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
            "--user-data-dir=\(folder.file("browser"))", "--disable-dev-shm-usage", "--window-size=1000,1400",
            // The stream of events never ends, so time is what ends the visit.
            "--virtual-time-budget=6000", "--timeout=15000",
        ]
        if let screenshot { arguments.append("--screenshot=\(screenshot)") } else { arguments.append("--dump-dom") }
        let ended = try await RunningProcess(path: path, arguments + [url], in: folder).ended()
        guard ended.status == 0 else { throw Failure(description: "\(path): \(ended.errors)") }
        return ended.output
    }
}
