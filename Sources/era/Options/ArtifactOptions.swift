import ArgumentParser
import ERAArtifact
import ERACore
import ERAOCI
import Glibc

/// Which store of artifacts a command works on.
struct ArtifactStoreOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Where the daemon keeps its state (ERA_DATA_DIR).", valueName: "directory"),
        completion: .directory
    )
    var dataDir: String = Defaults.current.dataDirectory

    /// Absolute.
    var directory: String { Composition.absolute(dataDir) + "/artifacts" }

    /// The store, made at its first use.
    var store: ContentStore { Self.store(directory) }

    /// The store, which has to be there.
    /// - Throws: ``CommandFailure``.
    func present() throws -> ContentStore {
        guard access(directory, F_OK) == 0 else {
            let why = errno == EACCES ? "this user may not see \(directory)" : "there is no \(directory)"
            throw CommandFailure("\(why); name the daemon's data directory with --data-dir")
        }
        return store
    }

    /// A store in that directory.
    static func store(_ directory: String) -> ContentStore {
        ContentStore(directory: directory, now: { SystemClock().now() })
    }
}

/// What a command calls what it brings in.
struct ArtifactNameOption: ParsableArguments {
    @Option(
        name: .customLong("as"),
        help: ArgumentHelp(
            "What oci:// finds it by: host/repository:tag (default: the name that it has).",
            valueName: "name"
        ),
        transform: { try Self.read($0) }
    )
    var name: ImageReference?

    private static func read(_ text: String) throws(InvalidValue) -> ImageReference {
        let reference = try ImageReference(text)
        guard reference.digest == nil else {
            throw InvalidValue(text, expected: "a name without a digest: host/repository:tag")
        }
        return reference
    }
}
