internal import ERACore
internal import Glibc

/// Where a command of a manifest is on this host.
///
/// Absolute: itself. With a slash: below the unpacked artifact. Without: in the artifact's root, then in the
/// search path.
struct CommandPath: Sendable {
    /// Directories, in order.
    var searchPath: [String]
    /// Where the artifact is unpacked; nil without an artifact.
    var files: String?

    /// The file that is meant; nil where there is none that can be executed.
    func resolve(_ command: String) -> String? {
        candidates(command).first { isExecutable($0) }
    }

    private func candidates(_ command: String) -> [String] {
        if command.hasPrefix("/") { return [command] }
        let inArtifact = files.map { ["\($0)/\(command)"] } ?? []
        return command.contains("/") ? inArtifact : inArtifact + searchPath.map { "\($0)/\(command)" }
    }

    private func isExecutable(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
    }

    /// `path` as seen from `directory`, when both are below `root`; else `path`.
    ///
    /// A workload of another user may not be allowed to walk down from `/`, and need not be.
    static func relative(_ path: String, to directory: String, below root: String) -> String {
        guard path.hasPrefix(root + "/"), directory == root || directory.hasPrefix(root + "/") else {
            return path
        }
        let depth = directory.dropFirst(root.count).split(separator: "/").count
        let rest = String(path.dropFirst(root.count + 1))
        return depth == 0 ? "./" + rest : String(repeating: "../", count: depth) + rest
    }
}
