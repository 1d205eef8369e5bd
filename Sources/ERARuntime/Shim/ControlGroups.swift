internal import CLinux
internal import ERACore
internal import Glibc

/// The part of the cgroup v2 hierarchy that ERA's workloads are in, where the host lets us have one.
struct ControlGroups: Sendable {
    /// `<hierarchy>/<our own group>/era`; each instance gets a group below.
    let root: String

    /// Nil when there is no hierarchy, or it is not ours to write.
    ///
    /// - Parameters:
    ///   - mountPoints: Where to look, first match wins.
    ///   - membership: The content of `/proc/self/cgroup`.
    init?(mountPoints: [String] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"], membership: String) {
        guard let mount = mountPoints.first(where: { era_spawn_is_cgroup2($0) != 0 }),
            let line = membership.split(separator: "\n").first(where: { $0.hasPrefix("0::/") })
        else { return nil }
        let own = line.dropFirst("0::".count)
        root = mount + (own == "/" ? "" : own) + "/era"
        guard mkdir(root, 0o755) == 0 || errno == EEXIST, access(root, W_OK) == 0,
            access(root + "/cgroup.procs", W_OK) == 0
        else { return nil }
    }

    /// The group of an instance.
    func path(_ name: String) -> String { "\(root)/\(name)" }

    /// Makes the group of an instance and sets its limits.
    ///
    /// - Returns: What could not be limited; nil when there is no group at all.
    func make(_ name: String, _ limits: ResourceLimits) -> [String]? {
        let path = path(name)
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else { return nil }
        var missing: [String] = []
        if let memory = limits.memory {
            enable("memory")
            if !write("\(path)/memory.max", String(memory.bytes)) { missing.append("memory") }
        }
        if let cpu = limits.cpu {
            enable("cpu")
            // Microseconds in each tenth of a second.
            if !write("\(path)/cpu.max", "\(max(1000, cpu.millicores * 100)) 100000") {
                missing.append("cpu")
            }
        }
        if let pids = limits.pids {
            enable("pids")
            if !write("\(path)/pids.max", String(pids)) { missing.append("pids") }
        }
        return missing.map { "\($0) limit not enforced: no cgroup v2 \($0) controller here" }
    }

    /// What a host without a group for us cannot limit.
    static func restrictions(without limits: ResourceLimits) -> [String] {
        [("memory", limits.memory != nil), ("cpu", limits.cpu != nil), ("pids", limits.pids != nil)]
            .filter(\.1).map { "\($0.0) limit not enforced: no writable cgroup v2 hierarchy" }
    }

    /// Kills everything in the group.
    func kill(_ name: String) { _ = write("\(path(name))/cgroup.kill", "1") }

    /// Processes of the group; empty when there is none.
    func processes(_ name: String) -> [Int32] {
        guard let bytes = readSmallFile("\(path(name))/cgroup.procs", limit: 1 << 20) else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { Int32($0) }
    }

    func remove(_ name: String) { rmdir(path(name)) }

    /// Hands a controller down to our groups; where we may not, writing the limit fails and is reported.
    private func enable(_ controller: String) {
        for directory in [String(root.dropLast("/era".count)), root] {
            _ = write("\(directory)/cgroup.subtree_control", "+\(controller)")
        }
    }

    private func write(_ path: String, _ text: String) -> Bool {
        let file = open(path, O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { close(file) }
        return Glibc.write(file, text, text.utf8.count) == text.utf8.count
    }
}
