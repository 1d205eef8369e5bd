import CLinux
import ERACore
import Glibc

/// A directory that is being filled, beside the place where it shall be; renamed there when it is whole.
///
/// Everything is made relative to open directories, without following links. A lock on it tells a live
/// one from what a killed process left. Used by one task.
final class StagedTree {
    private let target: String
    private let path: String
    let root: Descriptor
    /// The directory that the last entry was in: archives list files of one directory together.
    private var lastParent: (components: ArraySlice<String>, directory: DirectoryHandle)?

    /// - Throws: ``SystemError``.
    init(target: String) throws {
        self.target = target
        let (parent, name) = Self.split(target)
        try makeDirectory(parent)
        Self.removeAbandoned(in: parent, prefix: Self.prefix(name))
        var template = Array((parent + "/" + Self.prefix(name) + "XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError("make a directory in", parent) }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        root = try Descriptor(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        // Nobody else has seen it yet: the lock is free.
        guard flock(root.number, LOCK_EX | LOCK_NB) == 0 else { throw SystemError("lock", path) }
    }

    /// Makes a directory and its parents; one that is there gets the mode.
    ///
    /// - Throws: ``SystemError``, ``UnsafeArchive`` where something else is in the place.
    func addDirectory(_ entry: EntryPath, mode: mode_t) throws {
        let directory = try self.directory(entry.components[...], of: entry)
        guard fchmod(directory.number, mode & 0o755 | 0o700) == 0 else {
            throw SystemError("protect", entry.text)
        }
    }

    /// Makes an empty file, open for writing.
    ///
    /// - Throws: ``SystemError``, ``UnsafeArchive`` where something is in the place.
    func addFile(_ entry: EntryPath, mode: mode_t) throws -> Descriptor {
        let parent = try directory(entry.parent, of: entry)
        let file: Descriptor
        do throws(SystemError) {
            file = try Descriptor(
                entry.name,
                in: parent.number,
                O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
                mode: 0o600
            )
        } catch { throw Self.translated(error, entry) }
        guard fchmod(file.number, mode & 0o755 | 0o600) == 0 else { throw SystemError("protect", entry.text) }
        return file
    }

    /// Gives a regular file that is in the tree a second name.
    ///
    /// - Throws: ``SystemError``, ``UnsafeArchive`` where the first name is no file of the tree.
    func addHardLink(_ entry: EntryPath, to first: EntryPath) throws {
        let stray = UnsafeArchive(
            "\"\(entry.text)\" is a hard link to \"\(first.text)\", which is no file before it"
        )
        let parent = try directory(entry.parent, of: entry)
        // Whatever is wrong with it: it is no file of ours.
        guard let source = try? existing(first.parent) else { throw stray }
        var status = stat()
        guard fstatat(source.number, first.name, &status, AT_SYMLINK_NOFOLLOW) == 0,
            status.st_mode & S_IFMT == S_IFREG
        else { throw stray }
        guard linkat(source.number, first.name, parent.number, entry.name, 0) == 0 else {
            throw Self.translated(SystemError("link", entry.text), entry)
        }
    }

    /// - Throws: ``SystemError``, ``UnsafeArchive`` where something is in the place.
    func addSymbolicLink(_ entry: EntryPath, to target: String) throws {
        let parent = try directory(entry.parent, of: entry)
        guard symlinkat(target, parent.number, entry.name) == 0 else {
            throw Self.translated(SystemError("link", entry.text), entry)
        }
    }

    /// Makes the tree durable and gives it its name; where another was quicker, its one stays.
    ///
    /// - Throws: ``SystemError``.
    func commit() throws {
        lastParent = nil
        guard fchmod(root.number, 0o755) == 0, era_artifact_syncfs(root.number) == 0 else {
            throw SystemError("sync", path)
        }
        guard era_artifact_rename_noreplace(path, target) == 0 else {
            guard errno == EEXIST || errno == ENOTEMPTY else { throw SystemError("rename", path) }
            return discard()
        }
        try syncDirectory(Self.split(target).parent)
    }

    /// Removes the tree.
    func discard() {
        lastParent = nil
        Self.removeTree(path)
    }

    private func directory(_ components: ArraySlice<String>, of entry: EntryPath) throws -> DirectoryHandle {
        if let last = lastParent, last.components == components { return last.directory }
        var current = DirectoryHandle(try Descriptor(".", in: root.number, O_RDONLY | O_DIRECTORY))
        for name in components {
            guard mkdirat(current.number, name, 0o755) == 0 || errno == EEXIST else {
                throw SystemError("make the directory", entry.text)
            }
            do throws(SystemError) {
                current = DirectoryHandle(
                    try Descriptor(name, in: current.number, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
                )
            } catch { throw Self.translated(error, entry) }
        }
        lastParent = (components, current)
        return current
    }

    private func existing(_ components: ArraySlice<String>) throws(SystemError) -> DirectoryHandle {
        var current = DirectoryHandle(try Descriptor(".", in: root.number, O_RDONLY | O_DIRECTORY))
        for name in components {
            current = DirectoryHandle(
                try Descriptor(name, in: current.number, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
            )
        }
        return current
    }

    private static func translated(_ error: SystemError, _ entry: EntryPath) -> any Error {
        switch error.code {
        case EEXIST: UnsafeArchive("\"\(entry.text)\" is there twice")
        case ENOTDIR, ELOOP: UnsafeArchive("\"\(entry.text)\" is in a directory that is no directory")
        default: SystemError(error.action, entry.text, code: error.code)
        }
    }

    private static func split(_ path: String) -> (parent: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        return (
            slash == path.startIndex ? "/" : String(path[..<slash]), String(path[path.index(after: slash)...])
        )
    }

    private static func prefix(_ name: String) -> String { ".\(name).staging-" }
}

/// An open directory that several may hold; closed when the last one lets go.
private final class DirectoryHandle {
    private let descriptor: Descriptor
    var number: CInt { descriptor.number }

    init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
}

extension StagedTree {
    /// Removes what a process that was killed left; a live one holds its lock.
    private static func removeAbandoned(in parent: String, prefix: String) {
        // What cannot be listed or removed now is in nobody's way, and tried again next time.
        guard let names = try? namesInDirectory(parent) else { return }
        for name in names where name.hasPrefix(prefix) {
            let path = parent + "/" + name
            // Likewise for one that cannot be opened.
            guard let directory = try? Descriptor(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW),
                flock(directory.number, LOCK_EX | LOCK_NB) == 0
            else { continue }
            removeTree(path)
        }
    }

    private static func removeTree(_ path: String) {
        guard rmdir(path) != 0, errno == ENOTEMPTY || errno == EEXIST else { return }
        // All directories in it were made by us, with every right for the owner, in a bounded depth.
        guard let names = try? namesInDirectory(path) else { return }
        for name in names {
            let inner = path + "/" + name
            var status = stat()
            guard lstat(inner, &status) == 0 else { continue }
            if status.st_mode & S_IFMT == S_IFDIR { removeTree(inner) } else { unlink(inner) }
        }
        rmdir(path)
    }
}
