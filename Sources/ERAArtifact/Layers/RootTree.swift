import CLinux
import Glibc

/// The root file system of an image while layer after layer is put onto it.
///
/// Each path is walked from the root, through open directories. A symbolic link of the image is followed as
/// the container would follow it: what it calls `/` is this root, and `..` ends there. The kernel follows
/// none for us, so nothing outside can be reached. Used by one task; a class, since it owns what is open.
final class RootTree {
    /// The most links on the way to one file. Source: Linux, MAXSYMLINKS.
    static let hopLimit = 40
    /// The most directories inside each other, links followed.
    static let depthLimit = 512

    private let root: OpenDirectory
    /// The directory that the last entry was in: archives list files of one directory together.
    private var lastParent: (components: ArraySlice<String>, directory: OpenDirectory)?
    /// The inodes that the present layer made or changed: what it says is gone does not mean them.
    private var touched: Set<UInt64> = []

    /// - Throws: ``SystemError``.
    init(_ descriptor: borrowing Descriptor) throws(SystemError) {
        root = OpenDirectory(try Descriptor(".", in: descriptor.number, O_RDONLY | O_DIRECTORY))
    }

    /// From here on what is there belongs to lower layers.
    func beginLayer() { touched = [] }

    // MARK: What is to be there

    /// The root itself, which is there.
    func useRoot(_ attributes: FileAttributes) throws {
        try attributes.apply(to: root.number, "/", isRoot: true)
    }

    /// Makes a directory; one that is there stays, with these attributes. Its time is the caller's to set.
    ///
    /// - Throws: ``SystemError``, ``UnsafeArchive``.
    func addDirectory(_ path: EntryPath, _ attributes: FileAttributes) throws {
        let parent = try parent(of: path)
        if let there = try kind(path.name, in: parent), there != S_IFDIR { try clear(path, in: parent) }
        guard mkdirat(parent.number, path.name, 0o700) == 0 || errno == EEXIST else {
            throw SystemError("make the directory", path.text)
        }
        let made = try Descriptor(path.name, in: parent.number, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        try attributes.apply(to: made.number, path.text, isRoot: false)
        try touch(path, in: parent)
    }

    /// Makes an empty file, in place of whatever is there, and has it filled.
    ///
    /// - Throws: ``SystemError``, ``UnsafeArchive``, and what `fill` throws.
    func addFile(
        _ path: EntryPath,
        _ attributes: FileAttributes,
        fill: (borrowing Descriptor) throws -> Void
    ) throws {
        let parent = try parent(of: path)
        try clear(path, in: parent)
        let file = try Descriptor(
            path.name,
            in: parent.number,
            O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
            mode: 0o600
        )
        try fill(file)
        try attributes.apply(to: file.number, path.text, isRoot: false)
        try touch(path, in: parent)
    }

    /// Makes a symbolic link, in place of whatever is there. Where it leads is the container's affair.
    ///
    /// - Throws: ``SystemError``, ``UnsafeArchive``.
    func addSymbolicLink(_ path: EntryPath, to target: String, _ attributes: FileAttributes) throws {
        let parent = try parent(of: path)
        try clear(path, in: parent)
        guard symlinkat(target, parent.number, path.name) == 0 else { throw SystemError("link", path.text) }
        try attributes.applyToLink(path, in: parent.number)
        try touch(path, in: parent)
    }

    /// Makes a FIFO, in place of whatever is there.
    ///
    /// - Throws: ``SystemError``, ``UnsafeArchive``.
    func addFIFO(_ path: EntryPath, _ attributes: FileAttributes) throws {
        let parent = try parent(of: path)
        try clear(path, in: parent)
        guard mknodat(parent.number, path.name, S_IFIFO | 0o600, 0) == 0 else {
            throw SystemError("make the FIFO", path.text)
        }
        try attributes.applyToLink(path, in: parent.number)
        // Nothing can have put another file there: the tree is ours alone.
        guard fchmodat(parent.number, path.name, attributes.mode, 0) == 0 else {
            throw SystemError("protect", path.text)
        }
        try touch(path, in: parent)
    }

    /// Gives what is there, and is no directory, a second name.
    ///
    /// - Throws: ``SystemError``, ``UnsafeArchive`` where the first name is of no file.
    func addHardLink(_ path: EntryPath, to first: EntryPath) throws {
        guard let source = try directory(first.parent, of: first, making: false),
            let kind = try kind(first.name, in: source), kind != S_IFDIR
        else {
            throw UnsafeArchive("\"\(path.text)\" is a hard link to \"\(first.text)\", which is no file")
        }
        let parent = try parent(of: path)
        if path == first { return }
        try clear(path, in: parent)
        guard linkat(source.number, first.name, parent.number, path.name, 0) == 0 else {
            // It was the same file by another path, and is gone with it.
            if errno == ENOENT { throw UnsafeArchive("\"\(path.text)\" is a hard link to itself") }
            throw SystemError("link", path.text)
        }
        try touch(path, in: parent)
    }

    /// Dates a directory, after everything was put into it; nothing where it is gone again.
    ///
    /// - Throws: ``SystemError``, ``UnsafeArchive``.
    func setTime(_ path: EntryPath, _ time: FileTime) throws {
        guard let there = try directory(path.components[...], of: path, making: false) else { return }
        guard futimens(there.number, [time.value, time.value]) == 0 else {
            throw SystemError("date", path.text)
        }
    }

    // MARK: What is to be gone

    /// Removes what lower layers have at a path; what this layer put there stays.
    ///
    /// - Throws: ``SystemError``, ``UnsafeArchive``.
    func removeLower(_ path: EntryPath) throws {
        guard let parent = try directory(path.parent, of: path, making: false) else { return }
        lastParent = nil
        try removeLower(path.name, in: parent, path.text)
    }

    /// Removes all that lower layers have in a directory; nil for the root.
    ///
    /// - Throws: ``SystemError``, ``UnsafeArchive``.
    func makeOpaque(_ path: EntryPath?) throws {
        var directory: OpenDirectory? = root
        if let path { directory = try self.directory(path.components[...], of: path, making: false) }
        guard let directory else { return }
        lastParent = nil
        for name in try directory.names() { try removeLower(name, in: directory, path?.text ?? "/") }
    }

    private func removeLower(_ name: String, in parent: OpenDirectory, _ shown: String) throws {
        guard let status = try status(name, in: parent) else { return }
        let isTouched = touched.contains(UInt64(status.st_ino))
        guard status.st_mode & S_IFMT == S_IFDIR else {
            guard isTouched || unlinkat(parent.number, name, 0) == 0 || errno == ENOENT else {
                throw SystemError("remove", shown)
            }
            return
        }
        let inner = OpenDirectory(
            try Descriptor(name, in: parent.number, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        )
        for child in try inner.names() { try removeLower(child, in: inner, shown) }
        if isTouched { return }
        // Not empty where this layer put something into it.
        guard unlinkat(parent.number, name, AT_REMOVEDIR) == 0 || errno == ENOTEMPTY || errno == EEXIST else {
            throw SystemError("remove", shown)
        }
    }

    /// Removes whatever is at a path, a directory with all that is in it.
    private func clear(_ path: EntryPath, in parent: OpenDirectory) throws {
        guard let kind = try kind(path.name, in: parent) else { return }
        lastParent = nil
        guard kind == S_IFDIR else {
            guard unlinkat(parent.number, path.name, 0) == 0 else { throw SystemError("remove", path.text) }
            return
        }
        var culprit: CChar = 0
        guard era_remove_tree(parent.number, path.name, &culprit, 1) == 0 else {
            throw SystemError("remove", path.text)
        }
    }

    // MARK: Ways

    private func parent(of path: EntryPath) throws -> OpenDirectory {
        if let last = lastParent, last.components == path.parent { return last.directory }
        guard let parent = try directory(path.parent, of: path, making: true) else {
            throw UnsafeArchive("\"\(path.text)\" is in a directory that cannot be made")
        }
        lastParent = (path.parent, parent)
        return parent
    }

    /// Walks down from the root.
    ///
    /// - Parameter making: Whether directories that are missing are made.
    /// - Returns: Nil where something is missing, or is no directory, and nothing is to be made.
    private func directory(
        _ components: ArraySlice<String>,
        of path: EntryPath,
        making: Bool
    ) throws -> OpenDirectory? {
        var way = [root]
        var rest = Array(components.reversed())
        var hops = 0
        while let name = rest.popLast() {
            if name == ".." {
                if way.count > 1 { way.removeLast() }
                continue
            }
            let here = way[way.count - 1]
            if let next = try here.directory(name, making: making) {
                guard way.count < Self.depthLimit else {
                    throw UnsafeArchive("\"\(path.text)\" is deeper than \(Self.depthLimit) directories")
                }
                way.append(next)
                continue
            }
            guard let target = try here.target(name) else {
                guard making else { return nil }
                throw UnsafeArchive("\"\(path.text)\" is in a directory that is no directory")
            }
            hops += 1
            guard hops <= Self.hopLimit else {
                throw UnsafeArchive("\"\(path.text)\" leads through links in a circle")
            }
            if target.hasPrefix("/") { way.removeSubrange(1...) }
            rest += target.split(separator: "/").filter { $0 != "." }.map(String.init).reversed()
        }
        return way[way.count - 1]
    }

    private func kind(_ name: String, in parent: OpenDirectory) throws(SystemError) -> mode_t? {
        try status(name, in: parent).map { $0.st_mode & S_IFMT }
    }

    private func status(_ name: String, in parent: OpenDirectory) throws(SystemError) -> stat? {
        var status = stat()
        guard fstatat(parent.number, name, &status, AT_SYMLINK_NOFOLLOW) != 0 else { return status }
        guard errno == ENOENT else { throw SystemError("look at", name) }
        return nil
    }

    private func touch(_ path: EntryPath, in parent: OpenDirectory) throws(SystemError) {
        if let status = try status(path.name, in: parent) { touched.insert(UInt64(status.st_ino)) }
    }
}

/// An open directory that several may hold; closed when the last one lets go.
private final class OpenDirectory {
    private let descriptor: Descriptor
    var number: CInt { descriptor.number }

    init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }

    /// The directory of that name; nil where there is none, or something else in its place.
    func directory(_ name: String, making: Bool) throws(SystemError) -> OpenDirectory? {
        do throws(SystemError) {
            return OpenDirectory(try Descriptor(name, in: number, O_RDONLY | O_DIRECTORY | O_NOFOLLOW))
        } catch {
            switch error.code {
            case ENOTDIR, ELOOP: return nil
            case ENOENT where making: break
            case ENOENT: return nil
            default: throw error
            }
        }
        guard mkdirat(number, name, 0o755) == 0 else { throw SystemError("make the directory", name) }
        return OpenDirectory(try Descriptor(name, in: number, O_RDONLY | O_DIRECTORY | O_NOFOLLOW))
    }

    /// Where a symbolic link leads; nil for what is none.
    func target(_ name: String) throws(SystemError) -> String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlinkat(number, name, &buffer, buffer.count)
        guard count >= 0 else {
            if errno == EINVAL || errno == ENOENT { return nil }
            throw SystemError("read the link", name)
        }
        return String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// The entries but `.` and `..`.
    func names() throws(SystemError) -> [String] {
        let copy = era_artifact_openat(number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
        guard copy >= 0, let stream = fdopendir(copy) else {
            let error = SystemError("list", "a directory of the image")
            if copy >= 0 { _ = close(copy) }
            throw error
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
