// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// The most memory that this process has held so far, in KiB; nil where the system does not say.
///
/// Not by `getrusage`: on Linux that begins with the peak of the process that started this one.
package func peakKibibytes() -> Int? {
    guard let status = try? Data(contentsOf: URL(filePath: "/proc/self/status")) else { return nil }
    for line in String(decoding: status, as: UTF8.self).split(separator: "\n") where line.hasPrefix("VmHWM:") {
        return line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }
    }
    return nil
}
