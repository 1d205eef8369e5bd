import ERAArtifact
import ERACore
import ERAManifest
import Glibc

/// Manifests as somebody names them on the command line: files, directories, `-` for standard input.
struct ManifestFiles {
    /// A file that could be read.
    struct Item {
        /// As it was named.
        var path: String
        var file: ManifestFile
    }

    /// How deep directories may lie in each other.
    static let depthLimit = 32
    /// The most files that one command reads.
    static let countLimit = 100_000

    /// What the daemon finds at Validating, found at once.
    private static let checks = ManifestChecks(publicKey: KeyProblems.problem)

    private(set) var items: [Item] = []
    /// What lies in a directory under a manifest's name and is no file to read.
    private var refused: [Diagnostic] = []

    /// Reads everything that the paths name.
    /// - Throws: ``CommandFailure`` for a path that cannot be read.
    init(_ paths: [String]) throws {
        for path in paths {
            if path == "-" {
                try add("standard input", FileBytes.standardInput(limit: ManifestLimits.fileSizeLimit))
            } else if FileBytes.isDirectory(path) {
                let before = count
                try addDirectory(path, depth: 0)
                guard count > before else {
                    throw CommandFailure("no manifest in \(path): their names end in .yaml, .yml or .json")
                }
            } else {
                try add(path, FileBytes.read(path, limit: ManifestLimits.fileSizeLimit))
            }
        }
    }

    /// All that was found, also what could not be read.
    var count: Int { items.count + refused.count }
    /// All that is wrong: what each file says, then what concerns several of them.
    var diagnostics: [Diagnostic] { refused + items.flatMap(\.file.diagnostics) + twins }
    var entries: [ManifestFile.Entry] { items.flatMap(\.file.entries) }

    /// Deployments that two files declare; within one file, the file says so itself.
    private var twins: [Diagnostic] {
        var first: [DeploymentKey: String] = [:]
        var found: [Diagnostic] = []
        for item in items {
            for entry in item.file.entries {
                let key = entry.deployment.key
                guard let other = first[key] else { first[key] = item.path; continue }
                found.append(
                    Diagnostic(
                        file: item.path,
                        position: entry.position,
                        field: "metadata.name",
                        message: "deployment \(key) is declared in \(other) as well; rename one of them"
                    )
                )
            }
        }
        return found
    }

    private mutating func add(_ path: String, _ bytes: [UInt8]) throws {
        try checkCount()
        items.append(Item(path: path, file: ManifestFile(reading: bytes, file: path, checks: Self.checks)))
    }

    private mutating func addFound(_ path: String) throws {
        if let bytes = try FileBytes.readRegular(path, limit: ManifestLimits.fileSizeLimit) {
            return try add(path, bytes)
        }
        try checkCount()
        refused.append(Diagnostic(file: path, message: "it is not a regular file; remove it"))
    }

    private func checkCount() throws {
        guard count < Self.countLimit else {
            throw CommandFailure("more than \(Self.countLimit) manifests; name fewer")
        }
    }

    private mutating func addDirectory(_ path: String, depth: Int) throws {
        guard depth <= Self.depthLimit else {
            throw CommandFailure(
                "\(path) is more than \(Self.depthLimit) directories deep; name it by itself"
            )
        }
        for name in try FileBytes.names(in: path) where !name.hasPrefix(".") && !name.hasSuffix("~") {
            let inner = path.hasSuffix("/") ? path + name : "\(path)/\(name)"
            if FileBytes.isDirectory(inner, followingLinks: false) {
                try addDirectory(inner, depth: depth + 1)
            } else if [".yaml", ".yml", ".json"].contains(where: name.hasSuffix) {
                try addFound(inner)
            }
        }
    }
}

/// Bytes from files, no more of them than somebody can use.
enum FileBytes {
    /// What was named is read whatever it is: a shell's `<(…)` is a FIFO.
    ///
    /// - Returns: At most one byte more than `limit`, so that the reader sees that it is too much.
    /// - Throws: ``CommandFailure``.
    static func read(_ path: String, limit: Int) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
        guard descriptor >= 0 else { throw failure("read", path) }
        defer { close(descriptor) }
        return try read(descriptor, limit: limit, path)
    }

    /// As ``read(_:limit:)``, of a file that was only found: a FIFO would keep the reader waiting for ever.
    ///
    /// - Returns: Nil for what is no regular file: a FIFO, a socket, a device, a link to a directory.
    static func readRegular(_ path: String, limit: Int) throws -> [UInt8]? {
        var status = stat()
        // Before it is opened, which already does something to a device.
        if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG { return nil }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
        guard descriptor >= 0 else { throw failure("read", path) }
        defer { close(descriptor) }
        // Again, since another file may have taken the name.
        guard fstat(descriptor, &status) == 0 else { throw failure("read", path) }
        guard status.st_mode & S_IFMT == S_IFREG else { return nil }
        return try read(descriptor, limit: limit, path)
    }

    /// Everything that comes on standard input, at most one byte more than `limit`.
    static func standardInput(limit: Int) throws -> [UInt8] {
        try read(STDIN_FILENO, limit: limit, "standard input")
    }

    /// The names in a directory, sorted.
    static func names(in path: String) throws -> [String] {
        guard let directory = opendir(path) else { throw failure("list", path) }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    static func isDirectory(_ path: String, followingLinks: Bool = true) -> Bool {
        var status = stat()
        let result = followingLinks ? stat(path, &status) : lstat(path, &status)
        return result == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    private static func read(_ descriptor: Int32, limit: Int, _ name: String) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count <= limit {
            let count = Glibc.read(descriptor, &buffer, min(buffer.count, limit + 1 - bytes.count))
            if count == 0 { break }
            if count < 0 {
                if errno == EINTR { continue }
                throw failure("read", name)
            }
            bytes += buffer[..<count]
        }
        return bytes
    }

    private static func failure(_ verb: String, _ path: String) -> CommandFailure {
        let code = errno
        let advice =
            switch code {
            case ENOENT: "there is no such file or directory"
            case EACCES: "this user may not; check its mode and owner"
            default: String(cString: strerror(code))
            }
        return CommandFailure("cannot \(verb) \(path): \(advice)")
    }
}
