internal import ERACore
internal import Glibc

/// Finds and ends what is left of an instance whose shim is dead or hung.
///
/// Three marks, each inherited: the variable ERA_INSTANCE, the process group, and the cgroup.
struct StraySweep: Sendable {
    /// How long processes may outlive SIGKILL.
    static let killLimit = Duration.seconds(3)
    private static let pollPeriod = Duration.milliseconds(20)

    /// The value of ERA_INSTANCE.
    var marker: String
    /// The process that the shim launched, where its record tells.
    var workload: ProcessIdentity?
    /// The shim, when it is to end as well.
    var shim: ProcessIdentity?
    var groups: ControlGroups?
    var groupName: String
    var census: ProcessCensus
    var clock: any Clock<Duration>

    /// What is alive now.
    ///
    /// - Throws: ``Failure`` when that cannot be told.
    func survivors() async throws -> [ProcessIdentity] {
        let members = Set(groups?.processes(groupName) ?? [])
        let entries = try await census.entries()
        // The group's number is only theirs while its leader is, as seen by the same look.
        let group = entries.contains { $0.identity == workload } ? workload?.pid : nil
        return entries.filter { entry in
            entry.identity == workload || entry.identity == shim || members.contains(entry.identity.pid)
                || entry.group == group || entry.marker == marker
        }.map(\.identity)
    }

    /// Signals everything, waits for the grace, kills, and waits until nothing is left.
    ///
    /// - Returns: What outlived the kill; empty when all is gone.
    /// - Throws: `CancellationError`, and ``Failure`` when it cannot be told what is left.
    func run(signal: Int32, grace: Duration) async throws -> [ProcessIdentity] {
        if grace > .zero {
            for process in try await survivors() where process != shim { process.signal(signal) }
            if try await wait(grace, { $0.allSatisfy { $0 == shim } }).isEmpty, shim == nil { return [] }
        }
        groups?.kill(groupName)
        let left = try await wait(Self.killLimit) { processes in
            // The shim last: as long as it lives it is the parent of what it lost.
            for process in processes where process != shim || processes.count == 1 { process.signal(SIGKILL) }
            return processes.isEmpty
        }
        groups?.remove(groupName)
        return left
    }

    private func wait(
        _ limit: Duration,
        _ isDone: ([ProcessIdentity]) -> Bool
    ) async throws -> [ProcessIdentity] {
        var waited = Duration.zero
        while true {
            let processes = try await survivors()
            if isDone(processes) || waited >= limit { return processes }
            try await clock.sleep(for: Self.pollPeriod)
            waited += Self.pollPeriod
        }
    }
}
