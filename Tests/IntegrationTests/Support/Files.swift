import Glibc

// Small files, as the tests need them.

/// The bytes of a file; nil where there is none.
func bytes(of path: String, limit: Int = 1 << 28) -> [UInt8]? {
    let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var content: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while content.count < limit {
        let count = read(file, &buffer, buffer.count)
        guard count > 0 else { break }
        content += buffer[..<count]
    }
    return content
}

/// The text of a file; empty where there is none.
func text(of path: String) -> String { String(decoding: bytes(of: path) ?? [], as: UTF8.self) }

/// Writes a file in place.
func write(_ text: String, to path: String, mode: mode_t = 0o600) throws {
    try write(Array(text.utf8), to: path, mode: mode)
}

/// Writes a file in place.
func write(_ content: [UInt8], to path: String, mode: mode_t = 0o600) throws {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
    guard file >= 0, Glibc.write(file, content, content.count) == content.count else {
        throw Trouble("cannot write \(path): \(String(cString: strerror(errno)))")
    }
    close(file)
}

/// Whether there is something at a path, a link that leads nowhere included.
func exists(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
}

/// Names in a directory, `.` and `..` left out; empty where there is none.
func names(in path: String) -> [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
}

/// Everything below a directory with its file type and mode, links not followed.
func tree(_ path: String) -> [(path: String, mode: mode_t)] {
    names(in: path).flatMap { name -> [(path: String, mode: mode_t)] in
        let child = "\(path)/\(name)"
        var status = stat()
        guard lstat(child, &status) == 0 else { return [] }
        let below = status.st_mode & S_IFMT == S_IFDIR ? tree(child) : []
        return [(child, status.st_mode)] + below
    }
}

/// Where a link of /proc leads; nil where it cannot be told.
func target(ofLink path: String) -> String? {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = buffer.withUnsafeMutableBytes { bytes in
        bytes.withMemoryRebound(to: CChar.self) { text in
            text.baseAddress.map { readlink(path, $0, text.count) } ?? -1
        }
    }
    return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
}

/// Removes a file or a whole directory.
func remove(_ path: String) {
    for (child, mode) in tree(path).reversed() {
        if mode & S_IFMT == S_IFDIR { rmdir(child) } else { unlink(child) }
    }
    if unlink(path) != 0 { rmdir(path) }
}
