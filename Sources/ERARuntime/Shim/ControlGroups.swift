internal import CLinux
internal import ERACore
internal import Glibc

/// The part of the cgroup v2 hierarchy that ERA's workloads are in, where the host lets us have one.
struct ControlGroups: Sendable {
    /// `<hierarchy>/era`, or where else we may; each instance gets a group below.
    let root: String

    /// Nil when there is no hierarchy, or it is not ours to write.
    ///
    /// - Parameters:
    ///   - mountPoints: Where to look, first match wins.
    ///   - membership: The content of `/proc/self/cgroup`.
    ///   - isRoot: Whether the whole hierarchy is ours to write.
    init?(
        mountPoints: [String] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"],
        membership: String,
        isRoot: Bool = geteuid() == 0
    ) {
        guard let mount = mountPoints.first(where: { era_spawn_is_cgroup2($0) != 0 }),
            let line = membership.split(separator: "\n").first(where: { $0.hasPrefix("0::/") }),
            let root = Self.candidates(own: String(line.dropFirst("0::".count)), isRoot: isRoot)
                .map({ mount + $0 }).first(where: Self.isOurs)
        else { return nil }
        self.root = root
    }

    /// Where our group may be, below the mount, the best first.
    ///
    /// Not in the daemon's own group, if that can be: a group with processes cannot hand a controller down,
    /// and systemd cannot start a service again whose group does. So root takes one at the top, as kubelet
    /// does, and others take one beside their service, in what systemd delegates to a user. Source: the
    /// kernel's `cgroup-v2.rst`, "No Internal Process Constraint".
    static func candidates(own: String, isRoot: Bool) -> [String] {
        let names = own.split(separator: "/")
        let places = [isRoot ? [] : Array(names.dropLast()), Array(names)]
        return places.map { $0.map { "/\($0)" }.joined() + "/era" }
    }

    private static func isOurs(_ path: String) -> Bool {
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else { return false }
        return access(path, W_OK) == 0 && access(path + "/cgroup.procs", W_OK) == 0
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
        for (controller, value) in Self.settings(limits) {
            enable(controller)
            if !write("\(path)/\(controller).max", value) { missing.append(controller) }
        }
        return missing.map { "\($0) limit not enforced: no cgroup v2 \($0) controller here" }
    }

    /// The controllers that limits need, and what goes into `<controller>.max` of each.
    static func settings(_ limits: ResourceLimits) -> [(controller: String, value: String)] {
        [
            ("memory", limits.memory.map { String($0.bytes) }),
            // Microseconds in each tenth of a second; the kernel takes no less than a thousand.
            ("cpu", limits.cpu.map { "\(max(1000, $0.millicores * 100)) 100000" }),
            ("pids", limits.pids.map { String($0) }),
        ].compactMap { controller, value in value.map { (controller, $0) } }
    }

    /// What a host without a group for us cannot limit.
    static func restrictions(without limits: ResourceLimits) -> [String] {
        settings(limits).map { "\($0.controller) limit not enforced: no writable cgroup v2 hierarchy" }
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
