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
        for plugin in pluginTable.values {
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
        let unknown = ids.sorted().filter { id in
            let record = entries[id.deployment]?.record
            // What is Deleted has left nothing: such an instance would be of a later life.
            return record?.phase == .deleted || record?.onDisk.contains(id.revision) != true
        }
        for (id, orphan) in await describe(unknown, plugins) {
            orphans[id.deployment, default: []].append(orphan)
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

    /// What each of them is; some at once, since one that hangs takes its time to say nothing.
    private func describe(
        _ ids: [InstanceID],
        _ listers: [InstanceID: any RuntimePlugin]
    ) async -> [(InstanceID, Orphan)] {
        await withTaskGroup(of: (InstanceID, Orphan).self) { group in
            var found: [(InstanceID, Orphan)] = []
            for (index, id) in ids.enumerated() {
                if index >= orphanQuestionLimit, let next = await group.next() { found.append(next) }
                group.addTask { (id, await self.orphan(id, listers[id])) }
            }
            for await next in group { found.append(next) }
            return found.sorted { $0.0 < $1.0 }
        }
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
        guard let found = FoundInstances(found, of: record, at: seams.clock.now().wall) else {
            orphans[key] = nil
            return
        }
        // What no record knows is not forgotten before one does.
        guard note(.found(found), for: key) else { return }
        orphans[key] = nil
        entries[key]?.unpersisted = outbox.added
        pinsChanged.raise()
    }
}

/// Instances without a record that are asked about at the same time.
let orphanQuestionLimit = 16
