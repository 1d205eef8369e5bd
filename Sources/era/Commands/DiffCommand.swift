import ArgumentParser
import ERAAPI
import ERAClient
import ERACore
import ERAManifest

/// `era diff`
struct DiffCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Show how manifests differ from what is declared.",
        discussion:
            "As diff -u writes it, of manifests without defaults, so that only what means something differs."
    )

    @OptionGroup var files: FileOption

    @Flag(help: "End with exit code 1 where something differs.")
    var exitCode = false

    @OptionGroup var namespace: NamespaceOption
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let objects = try files.objects(namespace: namespace.namespace)
        let present = Dictionary(
            try await connection.client().list().items.map { ($0.key, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        var differs = false
        for object in objects {
            let old = present[object.key].flatMap(DeploymentPlan.declared)
            let text = Self.text(object.key, old: old, new: object.deployment, .output)
            Console.output(text)
            differs = differs || !text.isEmpty
        }
        if differs, exitCode { throw CommandFailure.told() }
    }

    /// The difference of one deployment; empty where there is none.
    static func text(_ key: DeploymentKey, old: Deployment?, new: Deployment, _ style: Style) -> String {
        let difference = LineDiff(old.map(yaml) ?? "", yaml(new))
        guard !difference.isEmpty else { return "" }
        let head = ["--- \(key) " + (old == nil ? "(not there)" : "(declared)"), "+++ \(key) (in the file)"]
        return head.map { style.paint($0, .bold) + "\n" }.joined() + difference.text(style)
    }

    private static func yaml(_ deployment: Deployment) -> String {
        let text = ManifestEncoding.object(deployment, includingDefaults: false).yamlText
        return text.hasSuffix("\n") ? String(text.dropLast()) : text
    }
}
