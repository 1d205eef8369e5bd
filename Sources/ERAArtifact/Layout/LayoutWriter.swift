import CLibArchive
import CLinux
import ERACore
import Glibc

/// Where a layout is written to. Used by one task; files come one after the other.
protocol LayoutWriter {
    /// Begins a file; the path is relative.
    func begin(_ name: String, size: Int64) throws
    func write(_ bytes: UnsafeRawBufferPointer) throws
    /// Makes everything durable and gives it its name.
    func finish() throws
    /// Removes what was written.
    func discard()
}

extension LayoutWriter {
    func add(_ name: String, _ bytes: [UInt8]) throws {
        try begin(name, size: Int64(bytes.count))
        try bytes.withUnsafeBytes { try write($0) }
    }
}

/// A layout as a directory, made beside its place.
final class DirectoryLayoutWriter: LayoutWriter {
    private let path: String
    private let temporary: String
    private var file: Int32 = -1
    private var name = ""
    private var made: [String] = []

    /// A class, because the open file changes.
    init(_ path: String) throws {
        self.path = try LayoutPlace.check(path, isDirectory: true)
        temporary = LayoutPlace.temporary(self.path)
        guard mkdir(temporary, 0o755) == 0 else { throw SystemError("make the directory", temporary) }
    }

    deinit { if file >= 0 { close(file) } }

    func begin(_ name: String, size: Int64) throws {
        try end()
        var directory = temporary
        for part in name.split(separator: "/").dropLast() {
            directory += "/" + part
            guard mkdir(directory, 0o755) != 0 else {
                made.append(directory)
                continue
            }
            guard errno == EEXIST else { throw SystemError("make the directory", directory) }
        }
        self.name = temporary + "/" + name
        file = era_artifact_openat(
            AT_FDCWD,
            self.name,
            O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
            0o644
        )
        guard file >= 0 else { throw SystemError("make", self.name) }
        made.append(self.name)
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Glibc.write(file, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw SystemError("write", name) }
            rest = rest.dropFirst(count)
        }
    }

    private func end() throws {
        guard file >= 0 else { return }
        guard fsync(file) == 0 else { throw SystemError("sync", name) }
        close(file)
        file = -1
    }

    func finish() throws {
        try end()
        for directory in made.reversed() + [temporary] where file < 0 {
            var status = stat()
            if lstat(directory, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
                try syncDirectory(directory)
            }
        }
        // Onto an empty directory, a directory may be renamed.
        guard rename(temporary, path) == 0 else { throw SystemError("rename to", path) }
        try syncDirectory(LayoutPlace.parent(path))
    }

    func discard() {
        for path in made.reversed() { if unlink(path) != 0 { rmdir(path) } }
        rmdir(temporary)
    }
}

/// A layout as a tar, written by libarchive beside its place: in ustar, with pax where that does not do.
final class TarLayoutWriter: LayoutWriter {
    private let path: String
    private let temporary: String
    private let file: Int32
    private let handle: OpaquePointer
    private var directories: Set<String> = []

    /// A class, because it owns libarchive's state.
    init(_ path: String) throws {
        self.path = try LayoutPlace.check(path, isDirectory: false)
        temporary = LayoutPlace.temporary(self.path)
        guard let handle = archive_write_new() else {
            throw Failure.transient(.fileSystemError, "no memory to write \(path)")
        }
        self.handle = handle
        file = era_artifact_openat(
            AT_FDCWD,
            temporary,
            O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
            0o644
        )
        guard file >= 0 else {
            let error = SystemError("make", temporary)
            archive_write_free(handle)
            throw error
        }
        archive_write_set_format_pax_restricted(handle)
        archive_write_add_filter_none(handle)
        archive_write_set_bytes_in_last_block(handle, 1)
        guard archive_write_open_fd(handle, file) == ARCHIVE_OK else { throw failure() }
    }

    deinit {
        archive_write_free(handle)
        if file >= 0 { close(file) }
    }

    func begin(_ name: String, size: Int64) throws {
        var directory = ""
        for part in name.split(separator: "/").dropLast() {
            directory += part + "/"
            if directories.insert(directory).inserted { try header(directory, S_IFDIR, 0o755, 0) }
        }
        try header(name, S_IFREG, 0o644, size)
    }

    private func header(_ name: String, _ type: mode_t, _ mode: mode_t, _ size: Int64) throws {
        let entry = archive_entry_new()
        defer { archive_entry_free(entry) }
        archive_entry_set_pathname(entry, name)
        archive_entry_set_filetype(entry, type)
        archive_entry_set_perm(entry, mode)
        archive_entry_set_size(entry, size)
        archive_entry_set_mtime(entry, 0, 0)
        guard archive_write_header(handle, entry) == ARCHIVE_OK else { throw failure() }
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        guard bytes.isEmpty || archive_write_data(handle, bytes.baseAddress, bytes.count) == bytes.count
        else {
            throw failure()
        }
    }

    func finish() throws {
        guard archive_write_close(handle) == ARCHIVE_OK else { throw failure() }
        guard fsync(file) == 0 else { throw SystemError("sync", temporary) }
        guard era_artifact_rename_noreplace(temporary, path) == 0 else {
            throw SystemError("rename to", path)
        }
        try syncDirectory(LayoutPlace.parent(path))
    }

    func discard() { unlink(temporary) }

    private func failure() -> any Error {
        let code = archive_errno(handle)
        if code > 0 { return SystemError("write", temporary, code: code) }
        let text = archive_error_string(handle).map { String(cString: $0) } ?? "no reason given"
        return Failure.transient(.fileSystemError, "cannot write \(temporary): \(text)")
    }
}

/// Where something new may be made.
enum LayoutPlace {
    /// The path without slashes at its end.
    ///
    /// - Throws: ``Failure`` where something is there that would be lost.
    static func check(_ path: String, isDirectory: Bool) throws -> String {
        var path = path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        var status = stat()
        guard lstat(path, &status) == 0 else { return path }
        if isDirectory, status.st_mode & S_IFMT == S_IFDIR, try namesInDirectory(path).isEmpty { return path }
        throw Failure.permanent(
            .fileSystemError,
            "\(path) is there already; remove it, or name another place"
        )
    }

    /// A name beside it that nothing has.
    static func temporary(_ path: String) -> String {
        "\(path).partial-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    }

    static func parent(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
