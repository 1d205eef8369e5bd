internal import ERAContracts
internal import ERACore

/// What a shim is to run, and how.
struct ShimLaunch: Sendable {
    /// A limit of setrlimit(2); nil for none.
    struct ResourceLimit: Hashable, Sendable {
        var resource: Int32
        var soft: UInt64?
        var hard: UInt64?
    }

    /// A mount that only the workload sees.
    struct Mount: Hashable, Sendable {
        /// Nil for a tmpfs and for an overlay.
        var source: String?
        /// Absolute, or relative to the working directory.
        var target: String
        /// For a tmpfs `size=…,mode=…`, for an overlay `lowerdir=…`.
        var options = ""
        var isReadOnly = false
        var isOverlay = false
    }

    /// Where what is launched is not the workload itself, but starts it, leaves it to the shim, and ends.
    struct Launcher: Hashable, Sendable {
        /// Where it writes the number of the workload's first process.
        var pidFile: String
        /// What it could not be asked to limit.
        var restrictions: [String]
        /// Whether it may run programs with privileges of their own; it gives that up for the workload.
        var gainsPrivileges = false
    }

    /// A listening socket to pass: its name for LISTEN_FDNAMES and the address that tells it from others.
    struct Socket: Hashable, Sendable {
        var name: String
        var host: String
        var port: Int
        var isUDP: Bool

        /// The address without the name: `tcp 127.0.0.1 80`.
        var address: String { "\(isUDP ? "udp" : "tcp") \(host) \(port)" }
    }

    /// The user that the workload runs as.
    struct User: Hashable, Sendable {
        var user: UInt32
        var group: UInt32
        var groups: [UInt32]
    }

    /// What to exec, absolute or relative to the working directory.
    var executable: String
    var arguments: [String]
    var environment: [(name: String, value: SecretText)]
    var workingDirectory: String
    /// Nil for the daemon's own.
    var user: User?
    /// A bit for each capability that the workload keeps.
    var capabilities: UInt64 = 0
    var limits: [ResourceLimit] = []
    var oomScoreAdjust: Int?
    var mounts: [Mount] = []
    var sockets: [Socket] = []
    /// Ports that the shim holds and the workload does not see.
    var reserved: ReservedPorts?
    var resources = ResourceLimits()
    /// Nil where what is launched is the workload.
    var launcher: Launcher?
    var logMaxSize = ByteCount(10 << 20)
    var logMaxFiles = 5
    /// How long what the workload leaves behind may take to end after SIGTERM.
    var leftoverGrace = Duration.seconds(2)
}

/// Writes a shim's configuration: records of a tag, a length and a value (docs/shim.md).
struct ShimConfiguration {
    private(set) var bytes = Array("ERASHIM1".utf8)

    mutating func append(_ tag: Unicode.Scalar, _ value: String) {
        let value = value.utf8
        bytes.append(UInt8(ascii: tag))
        let length = UInt32(value.count)
        for shift in [0, 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: length >> UInt32(shift))) }
        bytes.append(contentsOf: value)
        bytes.append(0)
    }

    /// What concerns the workload; where the shim keeps its own files is the caller's to add.
    mutating func append(_ launch: ShimLaunch) {
        append("x", launch.executable)
        append("c", launch.workingDirectory)
        for argument in launch.arguments { append("a", argument) }
        for (name, value) in launch.environment { append("e", "\(name)=\(value.revealed)") }
        if let user = launch.user {
            append("u", ([user.user, user.group] + user.groups).map(String.init).joined(separator: " "))
        }
        append("p", String(launch.capabilities))
        for limit in launch.limits {
            append("r", "\(limit.resource) \(limit.soft ?? .max) \(limit.hard ?? .max)")
        }
        if let launcher = launch.launcher {
            append("P", launcher.pidFile)
            if launcher.gainsPrivileges { append("G", "") }
        }
        if let score = launch.oomScoreAdjust { append("o", String(score)) }
        for mount in launch.mounts {
            let kind = mount.isOverlay ? "overlay" : mount.isReadOnly ? "ro" : "rw"
            let parts = [mount.source ?? "", mount.target, mount.options, kind]
            append("M", parts.joined(separator: "\0"))
        }
        append("l", "\(launch.logMaxSize.bytes) \(launch.logMaxFiles)")
        append("t", String(launch.leftoverGrace.milliseconds))
        for socket in launch.sockets { append("s", socket.address) }
        for port in launch.reserved?.ports ?? [] { append("h", port.address) }
        guard !launch.sockets.isEmpty else { return }
        append("e", "LISTEN_FDS=\(launch.sockets.count)")
        append("e", "LISTEN_FDNAMES=\(launch.sockets.map(\.name).joined(separator: ":"))")
        // The shim writes the number over it, between fork and exec.
        append("e", "LISTEN_PID=0000000000")
    }
}
