internal import CLinux
internal import ERACore
internal import Glibc

/// The executable of a plugin, in a place where nobody but root and ERA's own user can change it.
struct PluginFile: Hashable, Sendable {
    /// What is another one once the file is; a file that was replaced is asked to describe itself anew.
    struct Mark: Hashable, Sendable {
        var device: UInt
        var inode: UInt
        var size: Int
        var modified: Int
        var changed: Int
    }

    /// What the names of executables begin with.
    static let prefix = "era-plugin-"

    let name: PluginName
    /// Absolute, and no part of it is a symbolic link.
    let path: String
    let mark: Mark

    /// Looks at the file `directory/name` and at everything above it.
    ///
    /// - Parameter directory: May lead through links, which are followed now and not again.
    /// - Throws: ``PluginRefusal``.
    init(_ fileName: String, in directory: String) throws(PluginRefusal) {
        let executable = try PluginExecutable(fileName, in: directory)
        name = executable.name
        path = executable.path
        mark = executable.mark
    }

    /// The same file, checked once more and open to be executed.
    ///
    /// - Throws: ``PluginRefusal``.
    func open() throws(PluginRefusal) -> PluginExecutable {
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        return try PluginExecutable(String(path[path.index(after: slash)...]), in: String(path[..<slash]))
    }
}

/// Why an executable is not run, and what to do, as the end of a sentence about it.
struct PluginRefusal: Error, Hashable, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// A plugin's executable, checked and open.
struct PluginExecutable: ~Copyable {
    let descriptor: CInt
    let name: PluginName
    let path: String
    let mark: PluginFile.Mark
    /// Whether the kernel runs it itself; what an interpreter runs, it opens by its path.
    let isBinary: Bool

    /// - Throws: ``PluginRefusal``.
    init(_ fileName: String, in directory: String) throws(PluginRefusal) {
        guard fileName.hasPrefix(PluginFile.prefix),
            let name = PluginName(rawValue: String(fileName.dropFirst(PluginFile.prefix.count)))
        else {
            throw PluginRefusal(
                "is not named era-plugin-NAME with a NAME of a-z, 0-9 and '-'; rename it"
            )
        }
        let directory = try Self.trusted(directory)
        let descriptor = era_open_at(
            AT_FDCWD,
            "\(directory)/\(fileName)",
            O_RDONLY | O_NOFOLLOW | O_NONBLOCK,
            0
        )
        guard descriptor >= 0 else {
            throw PluginRefusal(
                errno == ELOOP
                    ? "is a symbolic link; put the file itself there"
                    : "cannot be opened: \(String(cString: strerror(errno)))"
            )
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, let problem = Self.problem(status, descriptor) else {
            var magic = [UInt8](repeating: 0, count: 4)
            isBinary = pread(descriptor, &magic, 4, 0) == 4 && magic == [0x7F] + Array("ELF".utf8)
            self.descriptor = descriptor
            self.name = name
            path = "\(directory)/\(fileName)"
            mark = PluginFile.Mark(
                device: UInt(status.st_dev),
                inode: UInt(status.st_ino),
                size: Int(status.st_size),
                modified: status.st_mtim.tv_sec * 1_000_000_000 + status.st_mtim.tv_nsec,
                changed: status.st_ctim.tv_sec * 1_000_000_000 + status.st_ctim.tv_nsec
            )
            return
        }
        close(descriptor)
        throw PluginRefusal(problem)
    }

    deinit { close(descriptor) }

    /// The directory with all links followed, when nobody else can change what it leads to.
    private static func trusted(_ directory: String) throws(PluginRefusal) -> String {
        guard let resolved = realpath(directory, nil) else {
            throw PluginRefusal("cannot be found in \(directory): \(String(cString: strerror(errno)))")
        }
        defer { free(resolved) }
        let real = String(cString: resolved)
        var above = real
        while true {
            var status = stat()
            guard lstat(above, &status) == 0 else {
                throw PluginRefusal("lies in \(above), which cannot be looked at")
            }
            let isSticky = above != real && status.st_mode & S_ISVTX != 0
            if let problem = ownership(status, allowsOthers: isSticky) {
                throw PluginRefusal("is not safe where it is: the directory \(above) \(problem)")
            }
            guard above != "/", let slash = above.lastIndex(of: "/") else { return real }
            above = slash == above.startIndex ? "/" : String(above[..<slash])
        }
    }

    private static func problem(_ status: stat, _ descriptor: CInt) -> String? {
        guard status.st_mode & S_IFMT == S_IFREG else { return "is not a regular file" }
        if let problem = ownership(status, allowsOthers: false) { return problem }
        if status.st_mode & (S_ISUID | S_ISGID) != 0 {
            return "is set-uid or set-gid; take that away (chmod ug-s)"
        }
        guard faccessat(AT_FDCWD, "/proc/self/fd/\(descriptor)", X_OK, 0) == 0 else {
            return "may not be executed; allow it (chmod +x)"
        }
        return nil
    }

    private static func ownership(_ status: stat, allowsOthers: Bool) -> String? {
        guard status.st_uid == 0 || status.st_uid == geteuid() else {
            return "belongs to user \(status.st_uid); give it to root or to ERA's own user (chown)"
        }
        guard status.st_mode & (S_IWGRP | S_IWOTH) == 0 || allowsOthers else {
            return "may be written by others than its owner; take that away (chmod go-w)"
        }
        return nil
    }
}
