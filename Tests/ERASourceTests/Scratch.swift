import Glibc

/// A new directory under the system's temporary directory, removed with everything in it at the end.
final class Scratch: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/era-source-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Problem("mkdtemp: \(errno)") }
        path = template.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        try makeDirectory("m")
    }

    deinit { Self.remove(path) }

    struct Problem: Error {
        let text: String
        init(_ text: String) { self.text = text }
    }

    /// The directory of manifests.
    var manifests: String { path + "/m" }

    func makeDirectory(_ name: String, mode: mode_t = 0o755) throws {
        try check(mkdir("\(path)/\(name)", mode), "mkdir \(name)")
        try setMode(name, mode)
    }

    func setMode(_ name: String, _ mode: mode_t) throws {
        try check(chmod("\(path)/\(name)", mode), "chmod \(name)")
    }

    /// Writes, closes, and sets the modification time `age` seconds back.
    func write(_ name: String, _ text: String, age: Int = 0) throws {
        let open = try Writer("\(path)/\(name)")
        try open.write(text)
        if age > 0 { try setAge(name, age) }
    }

    func setAge(_ name: String, _ age: Int) throws {
        let time = timeval(tv_sec: time(nil) - age, tv_usec: 0)
        try check(utimes("\(path)/\(name)", [time, time]), "utimes")
    }

    func rename(_ from: String, _ to: String) throws {
        try check(Glibc.rename("\(path)/\(from)", "\(path)/\(to)"), "rename \(from)")
    }

    func link(_ target: String, _ name: String) throws {
        try check(symlink(target, "\(path)/\(name)"), "symlink \(name)")
    }

    func remove(_ name: String) { Self.remove("\(path)/\(name)") }

    func check(_ result: CInt, _ what: String) throws {
        guard result == 0 else { throw Problem("\(what): errno \(errno)") }
    }

    private static func remove(_ path: String) {
        guard unlink(path) != 0, let stream = opendir(path) else { return }
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { remove("\(path)/\(name)") }
        }
        closedir(stream)
        rmdir(path)
    }
}

/// A file that is open for writing, as a slow writer has it.
final class Writer {
    private let descriptor: CInt

    init(_ path: String, append: Bool = false) throws {
        let flags = O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_TRUNC)
        descriptor = open(path, flags, 0o644)
        guard descriptor >= 0 else { throw Scratch.Problem("open \(path): errno \(errno)") }
        fchmod(descriptor, 0o644)
    }

    deinit { close(descriptor) }

    func write(_ text: String) throws {
        let bytes = Array(text.utf8)
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
            throw Scratch.Problem("write")
        }
    }
}
