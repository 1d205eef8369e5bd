internal import Glibc

/// Finds processes of this machine by what their environment or their arguments hold.
enum MarkedProcesses {
    private static let readLimit = 1 << 18

    /// Processes that have the text in their environment, a zombie not counted.
    static func all(_ text: String) -> [Int32] { search("environ", text) }

    /// Processes that have the text in their argument list.
    static func naming(_ text: String) -> [Int32] { search("cmdline", text) }

    /// `process 12 (sleep 3600)`
    static func shown(_ pids: [Int32]) -> String {
        pids.prefix(3).map { pid in
            let line = String(decoding: content(of: "/proc/\(pid)/cmdline"), as: UTF8.self)
            let words = line.split(separator: "\0").joined(separator: " ")
            return "process \(pid) (\(words.prefix(80)))"
        }.joined(separator: ", ")
    }

    private static func search(_ file: String, _ text: String) -> [Int32] {
        guard let directory = opendir("/proc") else { return [] }
        defer { closedir(directory) }
        let pattern = Array(text.utf8)
        var found: [Int32] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let pid = Int32(name), pid != getpid() else { continue }
            if content(of: "/proc/\(pid)/\(file)").firstRange(of: pattern) != nil { found.append(pid) }
        }
        return found.sorted()
    }

    private static func content(of path: String) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return [] }
        defer { close(file) }
        var content: [UInt8] = []
        while content.count < readLimit {
            let chunk = [UInt8](unsafeUninitializedCapacity: 16_384) { buffer, count in
                count = max(0, read(file, buffer.baseAddress, 16_384))
            }
            if chunk.isEmpty { break }
            content += chunk
        }
        return content
    }
}
