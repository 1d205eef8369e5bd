import ERAContracts
import ERACore
import Logging

/// What is on this machine and in no record, since the database was lost or an older one was put back.
///
/// Nothing of it is stopped or removed before its deployment is declared again. Then it is taken over as it
/// runs if it is what is declared, and replaced like any earlier version if not.
extension Engine {
    /// Looks for instances that no record knows.
    ///
    /// - Throws: What the workspace throws: without its answer a second copy could be started.
    func findOrphans() async throws {
        var plugins: [InstanceID: any RuntimePlugin] = [:]
        for plugin in seams.plugins {
            do {
                for id in try await plugin.instances() { plugins[id] = plugin }
            } catch {
                seams.logger.warning(
                    "instances not listed",
                    metadata: ["plugin": "\(plugin.description.name)", "error": "\(error)"]
                )
            }
        }
        let ids = Set(plugins.keys).union(try await seams.workspace.instances())
        for id in ids.sorted() {
            let record = entries[id.deployment]?.record
            // What is Deleted has left nothing: such an instance would be of a later life.
            guard record?.phase == .deleted || record?.onDisk.contains(id.revision) != true else { continue }
            orphans[id.deployment, default: []].append(await orphan(id, plugins[id]))
        }
        guard !orphans.isEmpty else { return }
        let keys = orphans.keys.sorted()
        for key in keys where entries[key] != nil { takeUpOrphans(of: key) }
        guard !orphans.isEmpty else { return }
        seams.logger.warning(
            "instances without a record; declare them again and they are taken over",
            metadata: ["deployments": "\(orphans.keys.sorted().map(\.description).joined(separator: ", "))"]
        )
    }

    /// - Parameter lister: The plugin that says it has the instance; nil where none does.
    private func orphan(_ id: InstanceID, _ lister: (any RuntimePlugin)?) async -> Orphan {
        var orphan = Orphan(number: id.revision, spec: await manifest(of: id), plugin: nil, mayRun: false)
        let plugin = lister ?? orphan.spec.flatMap { pluginTable[$0.runtime.plugin] }
        guard let plugin else { return orphan }
        // What says that another plugin runs it than the one that has it, says nothing.
        if orphan.spec?.runtime.plugin != plugin.description.name { orphan.spec = nil }
        do {
            let status = try await plugin.status(id)
            orphan.plugin = status == .absent ? nil : plugin.description.name
            orphan.mayRun = status.mayHaveProcesses
        } catch {
            orphan.plugin = plugin.description.name
            orphan.mayRun = true
        }
        return orphan
    }

    private func manifest(of id: InstanceID) async -> DeploymentSpec? {
        do {
            return try await seams.workspace.manifest(of: id)
                .flatMap { InstanceManifest.spec($0, of: id.deployment) }
        } catch {
            seams.logger.warning(
                "manifest of an instance not read",
                metadata: ["instance": "\(id)", "error": "\(error)"]
            )
            return nil
        }
    }

    /// Has the record know what was found, before anything is done for the deployment.
    func takeUpOrphans(of key: DeploymentKey) {
        guard let found = orphans[key], let record = entries[key]?.record, record.phase != .deleted else {
            return
        }
        orphans[key] = nil
        guard let found = FoundInstances(found, of: record, at: seams.clock.now().wall),
            note(.found(found), for: key)
        else { return }
        entries[key]?.unpersisted = outbox.added
        pinsChanged.raise()
    }
}
