import CLinux
import ERAContracts
import ERALinux
import Glibc

/// One walk over a directory of manifests: which files there are, and the directories that they lie in.
struct DirectoryScan {
    /// A file that a manifest's name leads to, or the reason why it leads nowhere.
    struct Entry {
        let path: String
        let content: ManifestContent
    }

    private(set) var entries: [Entry] = []
    private let root: String
    private let options: DirectorySourceOptions
    private let trust: FileTrust
    private var entryCount = 0
    private var totalSize = 0

    init(root: String, options: DirectorySourceOptions, trust: FileTrust) {
        self.root = root
        self.options = options
        self.trust = trust
    }

    /// Walks everything below the root; `read` turns a manifest into its content.
    ///
    /// - Returns: The root's own state.
    /// - Throws: ``SourceUnavailable`` when the walk would not be complete.
    mutating func run(_ read: (_ root: CInt, _ path: String) -> ManifestContent) throws -> FileStamp {
        if let (directory, problem) = trust.problemAbove(root) {
            throw SourceUnavailable("refusing the manifests in \(root): \(directory) \(problem)")
        }
        let top = try open(AT_FDCWD, root, O_RDONLY | O_DIRECTORY, place: root)
        let status = try status(of: top, place: root)
        if let problem = trust.problem(status, .directory) {
            throw SourceUnavailable("refusing the manifests in \(root): it \(problem)")
        }
        try walk(top.number, top.number, path: "", depth: 0, unsafe: nil, read)
        entries.sort { $0.path < $1.path }
        return FileStamp(status)
    }

    private mutating func walk(
        _ root: CInt,
        _ directory: CInt,
        path: String,
        depth: Int,
        unsafe: String?,
        _ read: (_ root: CInt, _ path: String) -> ManifestContent
    ) throws {
        for name in try names(directory, path: path) {
            guard let name else {
                let place = path + "(a name that is not UTF-8)"
                entries.append(Entry(path: place, content: .refused("its name is not UTF-8; rename it")))
                continue
            }
            if isHidden(name) { continue }
            if isManifestName(name) {
                let content = unsafe.map { ManifestContent.refused($0) } ?? read(root, path + name)
                try add(Entry(path: path + name, content: content))
                if case .absent = content {} else { continue }
            }
            try descend(root, directory, path: path, name, depth: depth, unsafe: unsafe, read)
        }
    }

    private mutating func names(_ directory: CInt, path: String) throws -> [String?] {
        do {
            let listing = try Descriptor(era_open_at(directory, ".", O_RDONLY | O_DIRECTORY, 0))
            let names = try listing.names(limit: options.entryLimit - entryCount)
            entryCount += names.count
            guard entryCount <= options.entryLimit else {
                throw SourceUnavailable(
                    "\(root) holds more than \(options.entryLimit) files; give the manifests a directory of their own"
                )
            }
            return names
        } catch let error as SystemError {
            throw SourceUnavailable(Self.advice(path.isEmpty ? root : "\(root)/\(path)", error))
        }
    }

    private mutating func add(_ entry: Entry) throws {
        if case .absent = entry.content { return }
        entries.append(entry)
        guard entries.count <= options.fileLimit else {
            throw SourceUnavailable(
                "\(root) holds more than \(options.fileLimit) manifests; split it in several sources"
            )
        }
        if case .file(let file) = entry.content { totalSize += file.bytes.count }
        guard totalSize <= options.totalSizeLimit else {
            throw SourceUnavailable(
                "the manifests in \(root) are larger than \(options.totalSizeLimit) bytes together; split them"
            )
        }
    }

    /// Walks an entry that is a directory; a symbolic link to one is not
    /// followed, since it could lead in circles.
    private mutating func descend(
        _ root: CInt,
        _ directory: CInt,
        path: String,
        _ name: String,
        depth: Int,
        unsafe: String?,
        _ read: (_ root: CInt, _ path: String) -> ManifestContent
    ) throws {
        let place = path + name
        var status = stat()
        // Gone meanwhile, or not a directory.
        guard fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0, status.st_mode & S_IFMT == S_IFDIR
        else {
            return
        }
        let child = try open(
            directory,
            name,
            O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
            place: "\(self.root)/\(place)"
        )
        status = try self.status(of: child, place: "\(self.root)/\(place)")
        guard depth < options.depthLimit else {
            let problem = "lies more than \(options.depthLimit) directories deep; move it up"
            return try add(Entry(path: place, content: .refused(problem)))
        }
        let problem = trust.problem(status, .directory).map { "its directory \(place) \($0)" }
        try walk(root, child.number, path: place + "/", depth: depth + 1, unsafe: unsafe ?? problem, read)
    }

    /// One that cannot be opened may hold manifests that are in force: then nothing is known.
    private func open(_ directory: CInt, _ name: String, _ flags: CInt, place: String) throws -> Descriptor {
        do {
            return try Descriptor(era_open_at(directory, name, flags, 0))
        } catch {
            throw SourceUnavailable(Self.advice(place, error))
        }
    }

    private func status(of descriptor: borrowing Descriptor, place: String) throws -> stat {
        do {
            return try descriptor.status()
        } catch {
            throw SourceUnavailable(Self.advice(place, error))
        }
    }

    private static func advice(_ path: String, _ error: SystemError) -> String {
        let what = "cannot read the manifests in \(path): \(error.text)"
        return switch error.code {
        case ENOENT:
            "\(what); make the directory (mkdir -p) or name another one; nothing is deleted meanwhile"
        case EACCES, EPERM: "\(what); let ERA's user list it (chmod u+rx); nothing is deleted meanwhile"
        case ENOTDIR: "\(what); name a directory; nothing is deleted meanwhile"
        default: "\(what); nothing is deleted meanwhile"
        }
    }
}
