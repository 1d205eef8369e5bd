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
    /// Of ERA's own groups, below the root of each hierarchy; empty where it may have none.
    let prefix: String
    private let isRootless: Bool

    /// Looks at what is mounted.
    ///
    /// - Parameters:
    ///   - groups: Where ERA's own groups of cgroup v2 are.
    ///   - isRootless: Whether only what was delegated to our user can be used; v1 delegates nothing.
    init(mountPoint: String = "/sys/fs/cgroup", groups: ControlGroups?, isRootless: Bool = false) {
        self.isRootless = isRootless
        let wanted = ["memory", "cpu", "pids"]
        guard era_spawn_is_cgroup2(mountPoint) != 0 else {
            layout = .many(hasUnified: era_spawn_is_cgroup2("\(mountPoint)/unified") != 0)
            guard !isRootless else {
                controllers = []
                prefix = ""
                return
            }
            controllers = Set(wanted.filter { access("\(mountPoint)/\($0)", F_OK) == 0 })
            prefix = "/era"
            return
        }
        layout = .unified
        // What was delegated is what the group above ours has.
        let top = isRootless ? groups.map { String($0.root.dropLast("/era".count)) } ?? "" : mountPoint
        let list = readSmallFile("\(top)/cgroup.controllers", limit: 4096) ?? []
        let present = String(decoding: list, as: UTF8.self).split(whereSeparator: \.isWhitespace).map(
            String.init
        )
        controllers = Set(wanted).intersection(present)
        let root = groups?.root ?? ""
        let own = root.hasPrefix(mountPoint + "/") ? String(root.dropFirst(mountPoint.count)) : nil
        prefix = own ?? (isRootless ? "" : "/era")
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
            let reason =
                isRootless
                ? "no \(controller) controller of cgroup v2 was delegated to this user"
                : "this host has no \(controller) controller"
            restrictions.append("\(controller) limit not enforced: \(reason)")
        }
        return (applicable, restrictions)
    }

    /// The group of a container below the root of each hierarchy; empty where it has none.
    func path(_ name: String) -> String { prefix.isEmpty ? "" : "\(prefix)/\(name)" }

    /// Processes in the group of a container; empty when there is none.
    func processes(_ name: String, mountPoint: String = "/sys/fs/cgroup") -> [Int32] {
        let hierarchy = layout == .unified ? "" : "/pids"
        let path = "\(mountPoint)\(hierarchy)\(prefix)/\(name)/cgroup.procs"
        guard let bytes = readSmallFile(path, limit: 1 << 20) else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { Int32($0) }
    }
}
