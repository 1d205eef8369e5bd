/// What a container's root may do, of all that root may: sets of Linux' capabilities.
public struct ContainerCapabilities: Hashable, Sendable {
    /// All there are, in the order of their numbers. Source: linux/capability.h.
    public static let all = [
        "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
        "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK",
        "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN",
        "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE",
        "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND",
        "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
    ]
    /// What podman gives by default. Source: containers-common 4.3, `default_capabilities`.
    public static let standard: Set<String> = [
        "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETFCAP", "SETGID",
        "SETPCAP",
        "SETUID", "SYS_CHROOT",
    ]

    /// Beside, or instead of, the standard ones. Names without `CAP_`; `ALL` in ``dropped`` for all.
    public var added: Set<String>
    public var dropped: Set<String>

    public init(added: Set<String> = [], dropped: Set<String> = []) {
        self.added = added
        self.dropped = dropped
    }

    /// What processes of the container can have at all.
    public var granted: Set<String> {
        (dropped.contains("ALL") ? [] : Self.standard.subtracting(dropped)).union(added)
    }

    /// What the first process has, as in podman: root all, another user what was added on purpose.
    func held(by user: ContainerUser) -> Set<String> { user.isRoot ? granted : added }

    /// Names as the runtime specification writes them, sorted.
    static func list(_ names: Set<String>) -> [String] { names.map { "CAP_" + $0 }.sorted() }
}
