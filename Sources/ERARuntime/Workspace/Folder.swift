import CLinux
import ERACore
import Glibc

/// An open directory; what is done in it names entries, never paths, and follows no symbolic link.
///
/// Whoever owns a directory below ours may put a link where we expect a file: nothing here goes through one.
struct Folder: ~Copyable {
    let descriptor: CInt
    /// For messages only.
    let path: String

    /// Opens a directory by its path, links included: for the roots that an administrator chose.
    ///
    /// - Throws: ``Failure``.
    init(root path: String) throws(Failure) {
        descriptor = era_open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0)
        self.path = path
        guard descriptor >= 0 else { throw .system("open the directory", path) }
    }

    /// Opens an entry that is a directory.
    ///
    /// - Throws: ``Failure``, also where the entry is a link.
    init(_ name: String, in parent: borrowing Folder) throws(Failure) {
        path = "\(parent.path)/\(name)"
        descriptor = era_open_at(parent.descriptor, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0)
        guard descriptor >= 0 else { throw .system("open the directory", path) }
    }

    private init(descriptor: CInt, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit { _ = close(descriptor) }

    /// Opens the entry; nil where it is gone or no directory.
    ///
    /// - Throws: ``Failure`` when that cannot be told.
    func directory(_ name: String) throws(Failure) -> Folder? {
        let path = "\(path)/\(name)"
        let entry = era_open_at(descriptor, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0)
        if entry >= 0 { return Folder(descriptor: entry, path: path) }
        if [ENOTDIR, ELOOP, ENOENT].contains(errno) { return nil }
        throw .system("open the directory", path)
    }

    /// Makes the entry a directory and opens it; one that is there is fine.
    ///
    /// - Throws: ``Failure``.
    func make(_ name: String) throws(Failure) -> Folder {
        guard mkdirat(descriptor, name, 0o700) == 0 || errno == EEXIST else {
            throw .system("make the directory", "\(path)/\(name)")
        }
        return try Folder(name, in: self)
    }

    /// - Throws: ``Failure``.
    func status() throws(Failure) -> stat {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .system("look at", path) }
        return status
    }

    /// Sets owner and mode where they differ.
    ///
    /// - Throws: ``Failure``.
    func set(owner: Account?, mode: mode_t) throws(Failure) {
        let status = try status()
        if let owner, status.st_uid != owner.user || status.st_gid != owner.group {
            guard fchown(descriptor, owner.user, owner.group) == 0 else { throw .system("give away", path) }
        }
        guard status.st_mode & 0o7777 != mode else { return }
        guard fchmod(descriptor, mode) == 0 else { throw .system("change the mode of", path) }
    }

    /// Lets other users pass through, but see nothing: what they own lies further down.
    ///
    /// - Throws: ``Failure``.
    func letPass() throws(Failure) {
        let status = try status()
        guard status.st_mode & S_IXOTH == 0 else { return }
        guard fchmod(descriptor, status.st_mode & 0o7777 | 0o011) == 0 else {
            throw .system("change the mode of", path)
        }
    }

    /// The entries but `.` and `..`, sorted; names that are not UTF-8 are not among them.
    ///
    /// - Throws: ``Failure``.
    func names() throws(Failure) -> [String] {
        let copy = era_open_at(descriptor, ".", O_RDONLY | O_DIRECTORY, 0)
        guard copy >= 0, let stream = fdopendir(copy) else {
            let code = errno
            if copy >= 0 { _ = close(copy) }
            throw .system("list", path, code: code)
        }
        defer { closedir(stream) }
        return try entryNames(of: stream, path).sorted()
    }

    /// Removes the entry with everything in it; nothing there is fine.
    ///
    /// - Throws: ``Failure``.
    func remove(_ name: String) throws(Failure) {
        var culprit = [CChar](repeating: 0, count: 256)
        guard era_remove_tree(descriptor, name, &culprit, culprit.count) != 0 else { return }
        let code = errno
        let last = culprit.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let place = last == name ? "\(path)/\(name)" : "\(path)/\(name) (at \(last))"
        if code == EBUSY {
            throw .transient(
                .fileSystemError,
                "cannot remove \(place): something is mounted there; unmount it (umount)"
            )
        }
        throw .system("remove", place, code: code)
    }

    /// Removes the entry if it is an empty directory.
    ///
    /// - Returns: Whether nothing of that name is left.
    /// - Throws: ``Failure``.
    @discardableResult
    func removeIfEmpty(_ name: String) throws(Failure) -> Bool {
        if unlinkat(descriptor, name, AT_REMOVEDIR) == 0 || errno == ENOENT { return true }
        if errno == ENOTEMPTY || errno == EEXIST { return false }
        throw .system("remove", "\(path)/\(name)")
    }

    /// Makes the entry a file of this content, all at once: a reader sees the old one or the new one.
    ///
    /// - Parameter isDurable: Whether it is on disk when this returns.
    /// - Throws: ``Failure``.
    func replace(
        _ name: String,
        with bytes: [UInt8],
        owner: Account?,
        mode: mode_t,
        isDurable: Bool = false
    ) throws(Failure) {
        // Longer than any key may be, so that it is nobody's.
        let temporary = ".era-new"
        guard unlinkat(descriptor, temporary, 0) == 0 || errno == ENOENT else {
            throw .system("remove", "\(path)/\(temporary)")
        }
        let file = era_open_at(descriptor, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw .system("make", "\(path)/\(name)") }
        defer { _ = close(file) }
        do throws(Failure) {
            try fill(file, bytes, owner: owner, mode: mode, path: "\(path)/\(name)")
            guard !isDurable || fsync(file) == 0 else { throw .system("write", "\(path)/\(name)") }
            guard renameat(descriptor, temporary, descriptor, name) == 0 else {
                throw .system("rename a file to", "\(path)/\(name)")
            }
            guard !isDurable || fsync(descriptor) == 0 else { throw .system("write", path) }
        } catch {
            unlinkat(descriptor, temporary, 0)
            throw error
        }
    }

    /// The content of an entry that is a file, at most `limit` bytes of it; nil where there is none.
    ///
    /// - Throws: ``Failure``.
    func content(_ name: String, limit: Int) throws(Failure) -> [UInt8]? {
        let file = era_open_at(descriptor, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0)
        guard file >= 0 else {
            if errno == ENOENT || errno == ELOOP { return nil }
            throw .system("read", "\(path)/\(name)")
        }
        defer { _ = close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: min(limit, 16_384))
        while bytes.count < limit {
            let count = read(file, &chunk, min(chunk.count, limit - bytes.count))
            if count == 0 { break }
            if count < 0 {
                if errno == EINTR { continue }
                if errno == EISDIR { return nil }
                throw .system("read", "\(path)/\(name)")
            }
            bytes += chunk[..<count]
        }
        return bytes
    }

    private func fill(_ file: CInt, _ bytes: [UInt8], owner: Account?, mode: mode_t, path: String)
        throws(Failure)
    {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw .system("write", path)
            }
            rest = rest.dropFirst(count)
        }
        if let owner, fchown(file, owner.user, owner.group) != 0 { throw .system("give away", path) }
        guard fchmod(file, mode) == 0 else { throw .system("change the mode of", path) }
    }
}

extension Failure {
    /// What the kernel said to an attempt on a file, and whether waiting can help.
    static func system(_ action: String, _ path: String, code: CInt = errno) -> Failure {
        var buffer = [CChar](repeating: 0, count: 128)
        let known = strerror_r(code, &buffer, buffer.count) == 0
        let text =
            known
            ? buffer.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self).lowercased() }
            : "error \(code)"
        let what = "cannot \(action) \(path): \(text)"
        return switch code {
        case ENOSPC, EDQUOT: .transient(.noSpace, "\(what); free some space on that file system")
        case EROFS: .transient(.fileSystemError, "\(what); mount it for writing")
        case EACCES, EPERM:
            .permanent(.fileSystemError, "\(what); run ERA as a user who may do this, or change the owner")
        case ENOTDIR, ELOOP:
            .permanent(.fileSystemError, "\(what); something else is in the place of a directory, remove it")
        case ENAMETOOLONG, EINVAL: .permanent(.fileSystemError, what)
        default: .transient(.fileSystemError, what)
        }
    }
}
