import ERAContracts
import ERACore
import ERAManifest
import Synchronization
import Testing

@testable import ERAEngine
@testable import ERATestKit

@Suite struct StepExecutorTests {
    private let simulation = Simulation(seed: 1)
    private let first = RevisionNumber(1)

    private func executor(_ change: (inout PluginDescription) -> Void = { _ in }, isInstalled: Bool = true)
        -> StepExecutor
    {
        simulation.faults.turnOff()
        let incarnation = simulation.faults.boot()
        var plugin = ScriptedPlugin(
            host: simulation.host,
            faults: simulation.faults,
            incarnation: incarnation,
            changed: Hints(),
            sabotage: nil
        )
        change(&plugin.description)
        let seams = simulation.seams(incarnation)
        return StepExecutor(
            plugins: PluginTable(isInstalled ? [plugin] : []),
            workspace: seams.workspace,
            fetcher: seams.fetcher
        )
    }

    private func record(_ change: (inout DeploymentSpec) -> Void = { _ in }) throws -> DeploymentRecord {
        var deployment = try declared(app(1))
        change(&deployment.spec)
        let change = DeploymentRecord.change(
            of: nil,
            to: deployment,
            templateHash: templateHash(of: deployment.spec),
            origin: Origin(source: "api", path: nil),
            uid: "uid",
            at: simulation.clock.now().wall
        )
        guard case .declare(let kind) = change else { throw CancellationError() }
        return try DeploymentRecord(
            key: deployment.key,
            founding: JournalEvent(at: simulation.clock.now(), kind)
        )
    }

    private func perform(_ step: Step, _ record: DeploymentRecord, by executor: StepExecutor) async throws
        -> StepResult
    {
        try await executor.perform(
            StepExecutor.Order(step: step, record: record, active: [], progress: { _ in })
        )
    }

    @Test func `sockets that another plugin keeps are let go of before a start that is given none`()
        async throws
    {
        let other = try #require(PluginName(rawValue: "other"))
        let passing = try record { $0.ports[0].passSocket = true }
        var next = try declared(app(1))
        next.spec.runtime.plugin = other
        guard
            case .declare(let kind) = DeploymentRecord.change(
                of: passing,
                to: next,
                templateHash: templateHash(of: next.spec),
                origin: Origin(source: "api", path: nil),
                uid: "uid",
                at: simulation.clock.now().wall
            )
        else { throw CancellationError() }
        let both = try passing.applying(JournalEvent(at: simulation.clock.now(), kind))
        let spec = try #require(both.revisions[RevisionNumber(2)]?.spec)
        #expect(both.pluginsWithSockets(besides: spec) == [.process])
        next.spec.ports[0].passSocket = true
        #expect(both.pluginsWithSockets(besides: next.spec) == [])
        #expect(both.pluginsWithSockets(besides: try #require(both.revisions[first]?.spec)) == [])
    }

    @Test func `ports that a stop keeps are known to be the deployment's own`() throws {
        func kept(_ change: (inout DeploymentSpec) -> Void) throws -> [Int] {
            var record = try record { spec in
                spec.artifact = nil
                change(&spec)
            }
            // What was never installed keeps nothing.
            #expect(record.keptPorts == [])
            let installed = StepResult.installed(InstanceHandle(version: 1, payload: .null))
            let events: [JournalEvent.Kind] = [
                .admitted(replacing: false), .stepSucceeded(.validate(first), .done),
                .stepSucceeded(.fetch(first), .fetched(nil)), .stepSucceeded(.prepare(first), .done),
                .stepSucceeded(.install(first), installed),
            ]
            for event in events {
                record = try record.applying(JournalEvent(at: simulation.clock.now(), event))
            }
            return record.keptPorts.map(\.port)
        }
        let port = try #require(try record().revisions[first]?.spec.ports.first?.port)
        #expect(try kept { _ in } == [])
        #expect(try kept { $0.ports[0].passSocket = true } == [port])
        #expect(try kept { $0.runtime = RuntimeSpec(plugin: .container) } == [])
        #expect(
            try kept { $0.runtime = RuntimeSpec(plugin: .container, config: ["network": "bridge"]) } == [port]
        )
    }

    @Test func `a port that the start of a later revision let go of is the deployment's own no more`() throws
    {
        var record = try record { spec in
            spec.artifact = nil
            spec.ports[0].passSocket = true
        }
        let port = try #require(record.revisions[first]?.spec.ports.first?.port)
        func apply(_ events: JournalEvent.Kind...) throws {
            for event in events {
                record = try record.applying(JournalEvent(at: simulation.clock.now(), event))
            }
        }
        func prepare(_ revision: RevisionNumber) throws {
            try apply(
                .stepSucceeded(.validate(revision), .done),
                .stepSucceeded(.fetch(revision), .fetched(nil)),
                .stepSucceeded(.prepare(revision), .done)
            )
        }
        func serve(_ revision: RevisionNumber) throws {
            let handle = InstanceHandle(version: 1, payload: .null)
            try apply(
                .stepSucceeded(.install(revision), .installed(handle)),
                .stepSucceeded(.start(revision), .done),
                .becameHealthy(revision)
            )
        }
        func update(_ change: (inout DeploymentSpec) -> Void) throws {
            var deployment = record.declaration.deployment
            change(&deployment.spec)
            let change = DeploymentRecord.change(
                of: record,
                to: deployment,
                templateHash: templateHash(of: deployment.spec),
                origin: Origin(source: "api", path: nil),
                uid: "uid",
                at: simulation.clock.now().wall
            )
            guard case .declare(let kind) = change else { throw CancellationError() }
            try apply(kind, .updateBegan)
        }
        try apply(.admitted(replacing: false))
        try prepare(first)
        try serve(first)
        try update { $0.ports = [] }
        #expect(record.keptPorts.map(\.port) == [port])
        let second = RevisionNumber(2)
        try prepare(second)
        try apply(.displaced)
        try serve(second)
        try update { $0.ports = [PortSpec(name: PartName(checked: "http"), port: port)] }
        // Its handle is there still, for a rollback.
        #expect(record.handles[first] != nil && record.target == RevisionNumber(3))
        #expect(record.keptPorts == [])
    }

    @Test func `a plugin that may map ports lets go of them before another's instance starts`() throws {
        let mapping = try record {
            $0.runtime = RuntimeSpec(plugin: .container, config: ["network": "bridge"])
        }
        let spec = try #require(mapping.revisions[first]?.spec)
        #expect(mapping.pluginsWithMappings(besides: spec) == [])
        var other = spec
        other.runtime = RuntimeSpec(plugin: .process)
        // Also before one that is given sockets.
        other.ports[0].passSocket = true
        #expect(mapping.pluginsWithMappings(besides: other) == [.container])
        #expect(try record().pluginsWithMappings(besides: spec) == [])
    }

    /// What is not declared is refused, never faked (design.md §5, "Capabilities are declared").
    @Test(arguments: PluginDescription.Capability.allCases)
    func `a capability that the plugin lacks is refused at Validating`(
        _ capability: PluginDescription.Capability
    ) async throws {
        let executor = executor { $0.capabilities.remove(capability) }
        let record = try record { spec in
            spec.volumes = []
            switch capability {
            case .withoutArtifact: break
            case .passSocket: spec.ports[0].passSocket = true
            case .resourceLimits: spec.resources = ResourceLimits(pids: 3)
            case .user: spec.user = "nobody"
            case .volumes:
                if let name = PartName(rawValue: "state") {
                    spec.volumes = [
                        VolumeSpec(name: name, mountPath: "state", source: .persistent(retain: true))
                    ]
                }
            case .logs: break
            case .execProbe:
                spec.health.liveness = ProbeSpec(handler: .exec(command: ["true"]))
            case .blueGreen: spec.update.strategy = .blueGreen
            }
        }
        // Logs are asked for by people, not by the manifest.
        guard capability != .logs else { return }
        await #expect { () async throws -> Void in
            _ = try await perform(.validate(first), record, by: executor)
        } throws: { error in
            (error as? Failure)?.code == .invalidSpec && (error as? Failure)?.persistence == .permanent
        }
        let able = self.executor()
        #expect(try await perform(.validate(first), record, by: able) == .done)
    }

    @Test func `a plugin of another version is refused`() async throws {
        let record = try record { $0.runtime.pluginVersion = try? VersionRequirement(">=2.0.0") }
        await #expect { () async throws -> Void in
            _ = try await perform(.validate(first), record, by: executor())
        } throws: { ($0 as? Failure)?.code == .pluginVersionRefused }
    }

    @Test func `a plugin that is not there is named, with those that are`() async throws {
        let record = try record()
        await #expect { () async throws -> Void in
            _ = try await perform(.validate(first), record, by: executor(isInstalled: false))
        } throws: { ($0 as? Failure)?.code == .pluginMissing }
    }

    @Test func `what was never installed is removed without its plugin`() async throws {
        let record = try record()
        #expect(try await perform(.purge(first), record, by: executor(isInstalled: false)) == .done)
    }

    @Test func `a handle that was lost with a crash is made again before the start`() async throws {
        let record = try record()
        let executor = executor()
        _ = try await perform(.prepare(first), record, by: executor)
        #expect(record.handles[first] == nil)
        _ = try await perform(.start(first), record, by: executor)
        #expect(simulation.host.running == [InstanceID(record.key, first)])
        #expect(simulation.host.violations == [])
    }

    @Test func `a revision that is not remembered is a fault, not a crash`() async throws {
        let record = try record()
        await #expect { () async throws -> Void in
            _ = try await perform(.install(RevisionNumber(9)), record, by: executor())
        } throws: { ($0 as? Failure)?.code == .internalFault }
    }
}
