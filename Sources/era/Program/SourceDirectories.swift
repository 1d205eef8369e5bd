import ERAContracts
import Glibc

/// The directories of manifests that a daemon reads.
struct SourceDirectories: Equatable {
    /// What the ids of directories begin with: `directory:/etc/era/manifests`.
    private static let prefix = "directory:"

    /// Absolute paths, in the order of the sources.
    let paths: [String]

    init(_ sources: [SourceStatus]) {
        paths = sources.map(\.id.rawValue).filter { $0.hasPrefix(Self.prefix) }
            .map { String($0.dropFirst(Self.prefix.count)) }
    }

    /// Whether one of them is the directory of that path, however it is written.
    func contains(_ path: String) -> Bool {
        let path = Composition.absolute(path)
        return paths.contains { $0 == path || Self.isSame($0, path) }
    }

    /// What is wrong with asking the daemon about another directory; nil where it reads this one.
    func refusal(of path: String) -> CommandFailure? {
        guard !contains(path) else { return nil }
        let read = paths.isEmpty ? "no directory" : paths.map { DisplayText.line($0) }.joined(separator: ", ")
        return CommandFailure(
            "the daemon that runs here reads \(read), not \(DisplayText.line(path)); leave --manifests "
                + "(ERA_MANIFESTS, manifests in the configuration) out, or stop the daemon",
            .wrongUsage
        )
    }

    private static func isSame(_ left: String, _ right: String) -> Bool {
        var first = stat()
        var second = stat()
        return stat(left, &first) == 0 && stat(right, &second) == 0 && first.st_dev == second.st_dev
            && first.st_ino == second.st_ino
    }
}
