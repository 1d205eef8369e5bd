import ArgumentParser
import ERAAPI
import ERAClient
import ERACore
import ERAManifest

/// `era apply`
struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Declare deployments through the daemon.",
        discussion: """
            All files are checked first; when one has a mistake, nothing is applied. A deployment that a \
            file of the daemon's sources declares is changed there, not here.
            """
    )

    @OptionGroup var files: FileOption

    @Flag(help: "Say what would be done, and do nothing.")
    var dryRun = false

    @OptionGroup var namespace: NamespaceOption
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let objects = try files.objects(namespace: namespace.namespace)
        let client = connection.client()
        var failures = 0
        for object in objects {
            do {
                let applied = try await client.apply(object.json, dryRun: dryRun)
                let mark = dryRun ? " (dry run)" : ""
                Console.line("deployment \(object.key) \(applied.effect.rawValue)\(mark)")
            } catch let error as ClientError where error.status != nil {
                // The others may still be applied.
                Console.note(ErrorReport(Refusal.explained(error, object.key)).talk)
                failures += 1
            }
        }
        if failures > 0 { throw CommandFailure.told() }
    }
}

/// Which manifests are meant.
struct FileOption: ParsableArguments {
    /// A deployment as it stands in a file.
    struct Object {
        var key: DeploymentKey
        /// As written, with its namespace.
        var json: JSONValue
        var deployment: Deployment
    }

    @Option(
        name: [.customShort("f"), .long],
        help: ArgumentHelp(
            "A file, a directory, or - for standard input; may be repeated.",
            valueName: "path"
        ),
        completion: .file(extensions: ["yaml", "yml", "json"])
    )
    var filename: [String] = []

    func validate() throws {
        if filename.isEmpty {
            throw ValidationError("no manifest is named; add -f FILE, or -f - for standard input")
        }
    }

    /// The deployments of all files.
    ///
    /// - Parameter namespace: For those that name none.
    /// - Throws: ``CommandFailure``, after the mistakes were shown.
    func objects(namespace: NamespaceName?) throws -> [Object] {
        let files = try ManifestFiles(filename)
        let diagnostics = files.diagnostics
        for diagnostic in diagnostics {
            Console.noteLine(DiagnosticText(Style(usesColour: Terminal.error.usesColour)).text(diagnostic))
        }
        guard !diagnostics.contains(where: { $0.severity == .error }) else {
            throw CommandFailure("nothing was applied: correct what is said above")
        }
        guard !files.entries.isEmpty else {
            throw CommandFailure("no deployment is declared in what was named")
        }
        return files.entries.map { Self.object($0, namespace) }
    }

    private static func object(_ entry: ManifestFile.Entry, _ namespace: NamespaceName?) -> Object {
        var deployment = entry.deployment
        var members = entry.declared.object ?? [:]
        var metadata = members["metadata"]?.object ?? [:]
        if let namespace, metadata["namespace"] == nil { deployment.metadata.namespace = namespace }
        metadata["namespace"] = .string(deployment.metadata.namespace.rawValue)
        members["metadata"] = .object(metadata)
        return Object(key: deployment.key, json: .object(members), deployment: deployment)
    }
}

/// Answers that say no, with what to do about them.
enum Refusal {
    /// The error with the deployment that it is about, and the place to change it where it is declared
    /// elsewhere.
    static func explained(_ error: ClientError, _ key: DeploymentKey) -> CommandFailure {
        if let place = declaredElsewhere(error) {
            return CommandFailure("deployment \(key) is declared in \(place); change it there")
        }
        let text = "\(error)"
        // Some answers name it themselves.
        return CommandFailure(text.contains("\(key)") ? text : "deployment \(key): \(text)")
    }

    /// Where a deployment is declared, when that is why the daemon refuses to touch it.
    static func declaredElsewhere(_ error: ClientError) -> String? {
        guard error.isConflict else { return nil }
        return error.status?.causes.first { $0.reason == "FieldManagerConflict" }?.message
    }
}
