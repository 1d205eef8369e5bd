internal import ERACore

/// What a shim says of its workload: the content of its state file, and each answer on its control socket.
///
/// docs/shim.md describes the text.
struct ShimRecord: Hashable, Sendable {
    enum Phase: String, Sendable {
        case launching, running, stopping, exited, stopped

        /// Whether the shim is done with the workload.
        var isFinal: Bool {
            switch self {
            case .launching, .running, .stopping: false
            case .exited, .stopped: true
            }
        }
    }

    /// A longer record is not one.
    static let sizeLimit = 16_384

    var bootID: String
    var shim: ProcessIdentity
    var phase: Phase
    var workload: ProcessIdentity?
    var startedAt: Uptime?
    var exit: ExitStatus?
    var endedAt: Uptime?
    /// Processes that outlived SIGKILL.
    var stuckCount = 0
    /// It stays for the sake of listening sockets.
    var holdsSockets = false
    var restrictions: [String] = []

    /// Reads a record; nil for anything that is not a whole one.
    init?(_ text: some StringProtocol) {
        var lines = String(text).split(separator: "\n" as Character, omittingEmptySubsequences: false)[...]
        guard lines.popFirst() == "era-shim 1" else { return nil }
        var bootID: String?
        var shim: ProcessIdentity?
        var phase: Phase?
        while let line = lines.popFirst(), line != "end" {
            let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { return nil }
            switch parts[0] {
            case "boot": bootID = parts[1]
            case "shim": shim = ProcessIdentity(fields: parts[1])
            case "phase": phase = Phase(rawValue: parts[1])
            case "workload": workload = ProcessIdentity(fields: parts[1])
            case "started": startedAt = Uptime(nanoseconds: parts[1])
            case "ended": endedAt = Uptime(nanoseconds: parts[1])
            case "code": exit = Int32(parts[1]).map { .code($0) }
            case "signal": exit = Int32(parts[1]).map { .signal($0) }
            case "stuck": stuckCount = Int(parts[1]) ?? 1
            case "holding": holdsSockets = true
            case "restriction": restrictions.append(parts[1])
            // A newer shim may say more.
            default: break
            }
        }
        guard let bootID, let shim, let phase else { return nil }
        self.bootID = bootID
        self.shim = shim
        self.phase = phase
    }

    /// The record that a state file holds; nil when it holds something else.
    init?(bytes: [UInt8]) {
        guard bytes.count < Self.sizeLimit, bytes.hasSuffix("\nend\n") else { return nil }
        self.init(String(decoding: bytes, as: UTF8.self))
    }

    /// The record in a state file; nil when there is none, or something else is there.
    init?(file path: String) {
        guard let bytes = readSmallFile(path, limit: Self.sizeLimit) else { return nil }
        self.init(bytes: bytes)
    }

    /// The status that the record alone tells, where nobody needs to be asked.
    var status: InstanceStatus {
        switch phase {
        case .launching, .stopped: return .installed
        case .stopping: return .stopping
        case .exited: return .exited(InstanceStatus.Exited(status: exit ?? .unknown, at: endedAt))
        case .running:
            return .running(
                InstanceStatus.Running(
                    pid: workload?.pid,
                    startedAt: startedAt ?? Uptime(sinceBoot: .zero),
                    restrictions: restrictions
                )
            )
        }
    }
}

/// Why a shim launched nothing.
struct LaunchRefusal: Hashable, Sendable {
    /// What was being done; the numbers are the protocol's.
    enum Stage: Int32, Sendable {
        case unknown = 0
        case configuration, state, control, log, fork, cgroup, mount, limit, directory, descriptors, user
        case privileges, exec, launcher
    }

    var stage: Stage
    var errorNumber: Int32

    /// Reads `failed STAGE ERRNO`; nil for anything else.
    init?(_ line: some StringProtocol) {
        let parts = line.split(separator: " ")
        guard parts.count == 3, parts[0] == "failed", let stage = Int32(parts[1]),
            let number = Int32(parts[2])
        else { return nil }
        self.stage = Stage(rawValue: stage) ?? .unknown
        errorNumber = number
    }
}

extension ProcessIdentity {
    fileprivate init?(fields text: String) {
        let parts = text.split(separator: " ")
        guard parts.count == 2, let pid = Int32(parts[0]), pid > 1, let startTime = UInt64(parts[1])
        else { return nil }
        self.init(pid: pid, startTime: startTime)
    }
}

extension Uptime {
    fileprivate init?(nanoseconds text: String) {
        guard let value = Int64(text) else { return nil }
        self.init(sinceBoot: .nanoseconds(value))
    }
}

extension [UInt8] {
    func hasSuffix(_ text: String) -> Bool { suffix(text.utf8.count).elementsEqual(text.utf8) }
}
