internal import ERACore
internal import Glibc

/// Makes files of an instance.
enum FileTree {
    /// Makes a directory with what is missing above it, up to `root`, which must be there.
    ///
    /// - Throws: ``Failure``, also when a component is a symbolic link: it may lead anywhere.
    static func makeDirectories(_ relative: String, below root: String, mode: mode_t = 0o755) throws {
        var path = root
        for part in relative.split(separator: "/") {
            path += "/" + part
            if mkdir(path, mode) == 0 { continue }
            var status = stat()
            guard errno == EEXIST, lstat(path, &status) == 0 else {
                throw failure("make the directory", path)
            }
            guard status.st_mode & S_IFMT == S_IFDIR else {
                throw failure("make the directory", path, errorNumber: ENOTDIR)
            }
        }
    }

    /// Makes `link` lead to `target`; an empty directory or another link in its place goes.
    static func link(_ link: String, to target: String) throws {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = readlink(link, &buffer, buffer.count)
        if length > 0 {
            let current = String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if current == target { return }
            unlink(link)
        } else if errno == EINVAL {
            rmdir(link)
        }
        guard symlink(target, link) == 0 else { throw failure("link the volume at", link) }
    }
}

/// A path of a manifest that is relative and stays where it is put; nil for any other.
///
/// `.` and empty components fall away; `..` is refused, not resolved.
func containedPath(_ text: String) -> String? {
    guard !text.hasPrefix("/"), !text.utf8.contains(0) else { return nil }
    let parts = text.split(separator: "/").filter { $0 != "." }
    guard !parts.contains("..") else { return nil }
    return parts.joined(separator: "/")
}
