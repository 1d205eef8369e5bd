import ERAContracts
import ERACore
import Synchronization

/// What runs on a simulated machine: it outlives the engine, and notes each call that breaks the rules.
///
/// The versions of a spec say how its workload behaves: see ``Behaviour``.
final class SimulatedHost: Sendable {
    /// How a workload behaves; written as the patch number of its version.
    enum Behaviour: UInt, CaseIterable {
        case good = 0
        /// Ends soon after each start.
        case crashes = 1
        /// Runs and never becomes healthy: its liveness probe fails.
        case sick = 2
        /// `start` fails for good.
        case unstartable = 3
        /// The plugin refuses the spec.
        case invalid = 4
        /// The artifact cannot be had.
        case missing = 5
        /// Runs, and its startup probe may fail for longer than anybody waits.
        case neverReady = 6
    }

    struct Instance {
        var spec: DeploymentSpec
        var isInstalled = true
        var status: InstanceStatus = .installed
    }

    struct State {
        var instances: [InstanceID: Instance] = [:]
        var workspaces: Set<InstanceID> = []
        /// What is noted beside instances of what they are made of.
        var manifests: [InstanceID: String] = [:]
        var volumes: Set<DeploymentKey> = []
        /// What is in the content store, and when it was last asked for.
        var blobs: [Digest: Uptime] = [:]
        /// Nil until something was pinned: then nothing may be collected.
        var pins: Set<Digest>?
        /// Deployments of which nothing can be started now, whatever the version.
        var broken: Set<DeploymentKey> = []
        /// Deployments whose probes fail now, whatever the version.
        var sickened: Set<DeploymentKey> = []
        var violations: [String] = []
        var starts: [InstanceID: Int] = [:]
        var nextPID: Int32 = 100
    }

    let state = Mutex(State())

    func violation(_ text: String) { state.withLock { $0.violations.append(text) } }

    func install(_ id: InstanceID, _ spec: DeploymentSpec) {
        state.withLock { state in
            if !state.workspaces.contains(id) { state.violations.append("install of \(id) before prepare") }
            if state.instances[id] == nil { state.instances[id] = Instance(spec: spec) }
        }
    }

    /// - Returns: Whether it was started just now.
    func start(_ id: InstanceID, at now: Uptime) -> Bool {
        state.withLock { state in
            guard var instance = state.instances[id] else {
                state.violations.append("start of \(id), which is not installed")
                return false
            }
            if case .running = instance.status { return false }
            let others = state.instances.filter {
                $0.key.deployment == id.deployment && $0.key != id && $0.value.status.mayHaveProcesses
            }
            if let other = others.keys.min() { state.violations.append("start of \(id) beside \(other)") }
            state.nextPID += 1
            instance.status = .running(InstanceStatus.Running(pid: state.nextPID, startedAt: now))
            state.instances[id] = instance
            state.starts[id, default: 0] += 1
            return true
        }
    }

    /// Starts another revision of the same deployment, if there is one: what a broken plugin might do.
    func startAnother(_ id: InstanceID, at now: Uptime) {
        let other = state.withLock { state in
            state.instances.keys.filter { $0.deployment == id.deployment && $0 != id }.min()
        }
        if let other { _ = start(other, at: now) }
    }

    func starts(of id: InstanceID) -> Int { state.withLock { $0.starts[id] ?? 0 } }

    func status(_ id: InstanceID) -> InstanceStatus {
        state.withLock { $0.instances[id]?.status ?? .absent }
    }

    func stop(_ id: InstanceID) {
        state.withLock { state in
            guard let status = state.instances[id]?.status, status.mayHaveProcesses else { return }
            state.instances[id]?.status = .installed
        }
    }

    func delete(_ id: InstanceID) {
        state.withLock { state in
            if state.instances[id]?.status.mayHaveProcesses == true {
                state.violations.append("delete of \(id), which runs")
            }
            state.instances[id] = nil
        }
    }

    /// The workload ends by itself.
    func exit(_ id: InstanceID, _ status: ExitStatus, at now: Uptime) {
        state.withLock { state in
            guard case .running = state.instances[id]?.status else { return }
            state.instances[id]?.status = .exited(InstanceStatus.Exited(status: status, at: now))
        }
    }

    /// The machine has booted anew: nothing runs.
    func reboot() {
        state.withLock { state in
            for id in state.instances.keys { state.instances[id]?.status = .installed }
        }
    }

    var running: [InstanceID] {
        state.withLock { state in state.instances.filter { $0.value.status.mayHaveProcesses }.keys.sorted() }
    }

    var violations: [String] { state.withLock { $0.violations } }
}

extension DeploymentSpec {
    var behaviour: SimulatedHost.Behaviour { SimulatedHost.Behaviour(rawValue: version.patch) ?? .good }
}
