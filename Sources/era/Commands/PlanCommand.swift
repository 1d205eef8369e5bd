import ArgumentParser
import ERAAPI
import ERAClient
import ERACore
import ERAManifest

/// `era plan`
struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Say what would happen if these manifests were declared, and do nothing.",
        discussion:
            "Which fields change, which steps follow, what is interrupted. The daemon checks them as well."
    )

    @OptionGroup var files: FileOption

    /// How plans are shown.
    enum Format: String, CaseIterable, ExpressibleByArgument {
        case text, json, yaml
    }

    @Option(name: [.short, .long], help: "How to show it.")
    var output: Format = .text

    @OptionGroup var namespace: NamespaceOption
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let objects = try files.objects(namespace: namespace.namespace)
        let client = connection.client()
        let present = Dictionary(
            try await client.list().items.map { ($0.key, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        var plans: [DeploymentPlan] = []
        var failures = 0
        for object in objects {
            do {
                // What a file declares can be changed there alone; the daemon says so, the plan does as well.
                if present[object.key]?.origin?.path == nil {
                    _ = try await client.apply(object.json, dryRun: true)
                }
                plans.append(DeploymentPlan(object.deployment, present: present[object.key]))
            } catch let error as ClientError where error.status != nil {
                Console.note(ErrorReport(Refusal.explained(error, object.key)).talk)
                failures += 1
            }
        }
        show(plans)
        if failures > 0 { throw CommandFailure.told() }
    }

    private func show(_ plans: [DeploymentPlan]) {
        switch output {
        case .text:
            Console.output(plans.map { $0.text(.output) }.joined(separator: "\n"))
            let effects: [DeploymentPlan.Effect] = [.create, .update, .adjust, .unchanged]
            let counts = effects.map { effect in "\(plans.count { $0.effect == effect }) \(effect.rawValue)" }
            Console.noteLine("\nplan: \(counts.joined(separator: ", "))")
        case .json: Console.output(ObjectText.json(.array(plans.map(\.json))))
        case .yaml: Console.output(ObjectText.yaml(.array(plans.map(\.json))))
        }
    }
}
