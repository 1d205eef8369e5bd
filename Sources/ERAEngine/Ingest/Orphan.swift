import ERACore
import ERAManifest

/// An instance that exists on this machine and is in no record.
struct Orphan: Equatable, Sendable {
    var number: RevisionNumber
    /// What it is made of; nil where nobody can say.
    var spec: DeploymentSpec?
    /// The plugin that has it; nil where there are files only.
    var plugin: PluginName?
    /// Processes of it may be alive.
    var mayRun: Bool
}

/// The number of the first revision of a deployment whose record was lost.
///
/// That of an instance which is exactly what is declared, before all of one that runs: it is taken over as it
/// is. Else one that none has, so that the declared version replaces what there is like any update.
func revision(ofFound orphans: [Orphan], templateHash hash: Digest) -> RevisionNumber {
    let same = orphans.filter { orphan in orphan.spec.map { templateHash(of: $0) == hash } ?? false }
    if let number = (same.filter(\.mayRun).map(\.number).max() ?? same.map(\.number).max()) { return number }
    return orphans.map(\.number).max()?.next ?? RevisionNumber(1)
}

extension FoundInstances {
    /// What the record has to know of orphans.
    ///
    /// - Returns: Nil when it knows all of them.
    init?(_ orphans: [Orphan], of record: DeploymentRecord, at now: WallTime) {
        let unknown = orphans.filter { !record.onDisk.contains($0.number) }
        guard !unknown.isEmpty else { return nil }
        let declared = record.declaration.deployment.spec
        let revisions = unknown.map { orphan in
            let spec = orphan.spec ?? placeholder(orphan, declared)
            return Revision(
                number: orphan.number,
                templateHash: templateHash(of: spec),
                spec: spec,
                createdAt: now
            )
        }
        // Only what is known and installed can be started again.
        let known = unknown.filter { $0.spec != nil && $0.plugin != nil }
        let targetRuns = orphans.contains { $0.number == record.target && $0.mayRun }
        let serving = targetRuns ? nil : known.filter(\.mayRun).map(\.number).max()
        self.init(revisions: revisions, serving: serving, previous: serving ?? known.map(\.number).max())
    }
}

/// Stands for the spec that nobody knows: enough to stop and remove the instance.
///
/// Its ports are taken to be the declared ones, which then need not be free while it still runs.
private func placeholder(_ orphan: Orphan, _ declared: DeploymentSpec) -> DeploymentSpec {
    var spec = DeploymentSpec(
        version: unknownVersion,
        runtime: RuntimeSpec(plugin: orphan.plugin ?? declared.runtime.plugin)
    )
    spec.ports = declared.ports
    spec.stop = declared.stop
    return spec
}

/// What history shows for a revision of which nothing is known.
private let unknownVersion: SemanticVersion = {
    guard let version = try? SemanticVersion("0.0.0-unknown") else {  // the text beside it is one
        preconditionFailure("0.0.0-unknown is a semantic version")
    }
    return version
}()

/// What is noted beside an instance: the manifest of its revision, which a person can apply as it is.
enum InstanceManifest {
    static func text(_ spec: DeploymentSpec, of key: DeploymentKey) -> String {
        let metadata = Metadata(name: key.name, namespace: key.namespace)
        let deployment = Deployment(metadata: metadata, spec: spec)
        return ManifestEncoding.object(deployment, includingDefaults: true).canonicalText + "\n"
    }

    /// - Returns: Nil for anything but a manifest of this deployment.
    static func spec(_ text: String, of key: DeploymentKey) -> DeploymentSpec? {
        // Damaged, it says nothing.
        guard let object = try? JSONValue(jsonText: Array(text.utf8)) else { return nil }
        let deployment = ManifestDecoding.deployment(from: object).deployment
        return deployment?.key == key ? deployment?.spec : nil
    }
}
