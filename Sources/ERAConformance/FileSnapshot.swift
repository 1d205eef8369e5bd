internal import Glibc

/// What a directory holds: names, kinds, sizes and times, all the way down.
struct FileSnapshot: Hashable {
    private static let depthLimit = 32

    private var marks: [String: String] = [:]

    init(of directory: String) { add(directory, depth: 0) }

    private mutating func add(_ path: String, depth: Int) {
        var status = stat()
        guard depth < Self.depthLimit, lstat(path, &status) == 0 else { return }
        let changed = status.st_mtim
        marks[path] =
            "\(status.st_mode) \(status.st_ino) \(status.st_size) \(changed.tv_sec).\(changed.tv_nsec)"
        guard status.st_mode & S_IFMT == S_IFDIR, let entries = opendir(path) else { return }
        defer { closedir(entries) }
        while let entry = readdir(entries) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { add("\(path)/\(name)", depth: depth + 1) }
        }
    }

    /// A path at which the two differ; nil where they are alike.
    func difference(to other: FileSnapshot) -> String? {
        Set(marks.keys).union(other.marks.keys).filter { marks[$0] != other.marks[$0] }.min()
    }
}
