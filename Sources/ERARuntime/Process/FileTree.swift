internal import ERACore
internal import Glibc

/// Makes and removes files of an instance.
enum FileTree {
    /// Deeper trees are not removed, but reported.
    static let depthLimit = 512

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

    /// Removes a file or a directory with everything in it; succeeds when nothing is there. Follows no link.
    ///
    /// - Throws: ``Failure`` when something stays.
    static func remove(_ path: String) throws {
        try remove(name: path, in: AT_FDCWD, shown: path, depth: 0)
    }

    private static func remove(name: String, in parent: Int32, shown: String, depth: Int) throws {
        if unlinkat(parent, name, 0) == 0 || errno == ENOENT { return }
        guard errno == EISDIR || errno == EPERM else { throw failure("remove", shown) }
        guard depth < depthLimit else { throw failure("remove", shown, errorNumber: ENAMETOOLONG) }
        let descriptor = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("remove", shown) }
        defer { close(descriptor) }
        for entry in namesInDirectory("/proc/self/fd/\(descriptor)") {
            try remove(name: entry, in: descriptor, shown: "\(shown)/\(entry)", depth: depth + 1)
        }
        guard unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT else {
            throw failure("remove", shown)
        }
    }
}
