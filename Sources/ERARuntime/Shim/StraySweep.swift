internal import ERACore
internal import Glibc

/// Finds and ends what is left of an instance whose shim is dead or hung.
///
/// Three marks, each inherited: the variable ERA_INSTANCE, the process group, and the cgroup.
struct StraySweep: Sendable {
    /// The variable that every process of an instance inherits.
    static let variable = "ERA_INSTANCE"
    /// How long processes may outlive SIGKILL.
    static let killLimit = Duration.seconds(3)
    private static let pollPeriod = Duration.milliseconds(20)
    /// Beyond this much of an environment nobody looks.
    private static let environmentLimit = 1 << 18

    /// The value of ``variable``.
    var marker: String
    /// The process that the shim launched, where its record tells.
    var workload: ProcessIdentity?
    /// The shim, when it is to end as well.
    var shim: ProcessIdentity?
    var groups: ControlGroups?
    var groupName: String
    var clock: any Clock<Duration>

    /// What is alive now.
    func survivors() -> [ProcessIdentity] {
        let members = Set(groups?.processes(groupName) ?? [])
        let entry = Array("\(Self.variable)=\(marker)".utf8)
        // The group's number is only theirs while its leader is.
        let group = workload.flatMap { $0.isAlive ? $0.pid : nil }
        var found: [ProcessIdentity] = []
        for pid in allProcesses() where pid != getpid() {
            guard let stat = ProcessStat(pid: pid), !stat.hasEnded else { continue }
            let identity = ProcessIdentity(pid: pid, startTime: stat.startTime)
            if identity == workload || identity == shim || members.contains(pid) || stat.group == group
                || hasEntry(pid, entry)
            {
                found.append(identity)
            }
        }
        return found
    }

    /// Signals everything, waits for the grace, kills, and waits until nothing is left.
    ///
    /// - Returns: What outlived the kill; empty when all is gone.
    /// - Throws: `CancellationError`.
    func run(signal: Int32, grace: Duration) async throws -> [ProcessIdentity] {
        if grace > .zero {
            for process in survivors() where process != shim { process.signal(signal) }
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
            let processes = survivors()
            if isDone(processes) || waited >= limit { return processes }
            try await clock.sleep(for: Self.pollPeriod)
            waited += Self.pollPeriod
        }
    }

    private func hasEntry(_ pid: Int32, _ entry: [UInt8]) -> Bool {
        guard let environment = readSmallFile("/proc/\(pid)/environ", limit: Self.environmentLimit)
        else { return false }
        return environment.split(separator: 0).contains { $0.elementsEqual(entry) }
    }

    private func allProcesses() -> [Int32] {
        namesInDirectory("/proc").compactMap { Int32($0) }
    }
}

/// The names in a directory but `.` and `..`; empty when it cannot be read.
func namesInDirectory(_ path: String) -> [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
            pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != ".", name != ".." { names.append(name) }
    }
    return names
}
