import ERAContracts
import ERACore
import Glibc
import Logging
import Synchronization

@testable import ERARuntime

/// A plugin directory and a data directory, and plugins that are shell scripts.
struct PluginScratch: Sendable {
    let root: String
    let lines = LoggedLines()
    var plugins: String { root + "/plugins" }
    var data: String { root + "/data" }

    static func with(_ body: (PluginScratch) async throws -> Void) async throws {
        var template = Array("/tmp/era-plugin-test.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure.permanent(.internalFault, "mkdtemp") }
        let root = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let scratch = PluginScratch(root: root)
        makeDirectories(scratch.data)
        makeDirectories(scratch.plugins)
        defer { WorkspaceScratch.remove(root) }
        try await body(scratch)
    }

    var options: ExternalPlugin.Options {
        var options = ExternalPlugin.Options(
            dataDirectory: data,
            searchPath: ["/usr/local/bin", "/usr/bin", "/bin"],
            unpacker: CopyingUnpacker(),
            logger: lines.logger
        )
        options.timeouts.describe = .seconds(20)
        options.timeouts.status = .seconds(20)
        return options
    }

    static let apiVersion = #""apiVersion":"plugin.era.dev/v1""#

    static func description(_ name: String, version: String = "1.0.0", more: String = "") -> String {
        #"{\#(apiVersion),"name":"\#(name)","version":"\#(version)","capabilities":["logs","withoutArtifact"],"#
            + #""configSchema":{"type":"object"}\#(more)}"#
    }

    /// Writes a script that answers `describe` and has the other verbs as the test wants them.
    @discardableResult
    func write(
        _ verbs: [String: String],
        name: String = "stub",
        version: String = "1.0.0",
        in directory: String? = nil
    ) -> String {
        let all = ["describe": "echo '\(Self.description(name, version: version))'"].merging(verbs) { $1 }
        let cases = all.sorted { $0.key < $1.key }.map { "\($0.key))\n\($0.value)\n;;" }.joined(
            separator: "\n"
        )
        let script = "#!/bin/sh\ncase $1 in\n\(cases)\n*) exit 64;;\nesac\n"
        let path = "\(directory ?? plugins)/era-plugin-\(name)"
        ERARuntimeTests.write(Array(script.utf8), to: path + ".new")
        chmod(path + ".new", 0o755)
        rename(path + ".new", path)
        return path
    }

    func plugin(
        _ verbs: [String: String],
        change: (inout ExternalPlugin.Options) -> Void = { _ in }
    ) async throws -> ExternalPlugin {
        var options = options
        change(&options)
        return try await ExternalPlugin(path: write(verbs), options)
    }

    /// An instance with a secret in its environment.
    func instance(_ name: String = "app", _ revision: Int = 1) throws -> PreparedInstance {
        let id = InstanceID(DeploymentKey(name: try DeploymentName(name)), RevisionNumber(revision))
        let directory = "\(data)/instances/\(id)"
        makeDirectories(directory)
        return PreparedInstance(
            id: id,
            spec: DeploymentSpec(
                version: try SemanticVersion("1.0.0"),
                runtime: RuntimeSpec(plugin: try PluginName("stub")),
                command: ["run"]
            ),
            directory: directory,
            environment: [("TOKEN", SecretText("canary"))]
        )
    }

    /// Where the plugin keeps what belongs to the instance.
    func own(_ instance: PreparedInstance) -> String { instance.directory + "/plugin-stub" }
}

/// Keeps what is logged; a class, since the logger's copies share it.
final class LoggedLines: Sendable {
    private let kept = Mutex<[String]>([])

    var all: [String] { kept.withLock(\.self) }

    var logger: Logger {
        Logger(label: "test") { _ in Handler(lines: self) }
    }

    private struct Handler: LogHandler {
        let lines: LoggedLines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let text = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            lines.kept.withLock { $0.append(([event.message.description] + text).joined(separator: " ")) }
        }
    }
}
