internal import CLinux
internal import ERACore
internal import Glibc

/// How this host limits containers: by one hierarchy of control groups, by many, or by some of both.
struct ContainerGroups: Hashable, Sendable {
    enum Layout: Hashable, Sendable {
        /// cgroup v2 alone.
        case unified
        /// A hierarchy for each controller (v1), and perhaps one of v2 beside them.
        case many(hasUnified: Bool)
    }

    let layout: Layout
    /// `memory`, `cpu`, `pids`, as far as they are there.
    let controllers: Set<String>
    /// Of ERA's own groups, below the root of each hierarchy.
    let prefix: String

    /// Looks at what is mounted.
    ///
    /// - Parameter groups: Where ERA's own groups of cgroup v2 are.
    init(mountPoint: String = "/sys/fs/cgroup", groups: ControlGroups?) {
        let wanted = ["memory", "cpu", "pids"]
        guard era_spawn_is_cgroup2(mountPoint) != 0 else {
            layout = .many(hasUnified: era_spawn_is_cgroup2("\(mountPoint)/unified") != 0)
            controllers = Set(wanted.filter { access("\(mountPoint)/\($0)", F_OK) == 0 })
            prefix = "/era"
            return
        }
        layout = .unified
        let list = readSmallFile("\(mountPoint)/cgroup.controllers", limit: 4096) ?? []
        let present = String(decoding: list, as: UTF8.self).split(whereSeparator: \.isWhitespace).map(
            String.init
        )
        controllers = Set(wanted).intersection(present)
        let root = groups?.root ?? ""
        prefix = root.hasPrefix(mountPoint + "/") ? String(root.dropFirst(mountPoint.count)) : "/era"
    }

    /// The limits that can be set here, and what is to be said of the others.
    func applicable(_ limits: ResourceLimits) -> (limits: ResourceLimits, restrictions: [String]) {
        var applicable = limits
        var restrictions: [String] = []
        for (controller, _) in ControlGroups.settings(limits) where !controllers.contains(controller) {
            switch controller {
            case "memory": applicable.memory = nil
            case "cpu": applicable.cpu = nil
            default: applicable.pids = nil
            }
            restrictions.append("\(controller) limit not enforced: this host has no \(controller) controller")
        }
        return (applicable, restrictions)
    }

    /// Processes in the group of a container; empty when there is none.
    func processes(_ name: String, mountPoint: String = "/sys/fs/cgroup") -> [Int32] {
        let hierarchy = layout == .unified ? "" : "/pids"
        let path = "\(mountPoint)\(hierarchy)\(prefix)/\(name)/cgroup.procs"
        guard let bytes = readSmallFile(path, limit: 1 << 20) else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { Int32($0) }
    }
}
