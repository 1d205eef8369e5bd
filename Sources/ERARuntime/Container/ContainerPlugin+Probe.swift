public import ERAContracts
internal import ERACore
internal import ERALinux
internal import Glibc

extension ContainerPlugin {
    /// The variable that marks a check in the container, with the uptime at which it began.
    static let probeVariable = "ERA_PROBE"
    /// How long after its time a check that hangs may stay.
    static let probeGrace = Duration.seconds(5)

    /// A check runs in the container, by `exec` of its engine, as its user, with its variables and filter.
    ///
    /// One that outlives its time has lost the engine's process, which was killed, and stays in the
    /// container: a later check ends it.
    public func probeEnvironment(_ instance: PreparedInstance) async throws -> ProbeEnvironment {
        let name = workloads.place(instance.id).name
        guard let program = engines.programs(of: name).first else {
            throw Failure.transient(.unsupported, "there is no engine that knows container \(name)")
        }
        let now = Self.uptime()
        let longest =
            [instance.spec.health.startup, instance.spec.health.liveness, instance.spec.health.readiness]
            .compactMap { $0?.timeoutSeconds }.max() ?? 1
        await queue.run {
            endChecks(name, begunBefore: now - longest - Int(Self.probeGrace.components.seconds))
        }
        return ProbeEnvironment(
            workingDirectory: "/",
            variables: ["PATH": SecretText(host.options.searchPath.joined(separator: ":"))],
            user: nil,
            capabilities: .max,
            commandPrefix: try entry(place(instance.id)) + [program.tool.path] + program.prefix
                + ["exec", "--env", "\(Self.probeVariable)=\(now)", name]
        )
    }

    private func endChecks(_ name: String, begunBefore limit: Int) {
        let mark = Array("\(Self.probeVariable)=".utf8)
        let owner = Array("\(ProcessCensus.variable)=\(name)".utf8)
        // Where there are no groups every process is asked whose it is.
        let candidates =
            groups.prefix.isEmpty
            ? namesInDirectory("/proc").compactMap { Int32($0) } : groups.processes(name)
        for pid in candidates {
            guard let stat = ProcessStat(pid: pid), !stat.hasEnded,
                let bytes = readSmallFile("/proc/\(pid)/environ", limit: 1 << 18)
            else { continue }
            let environment = bytes.split(separator: 0)
            guard environment.contains(where: { $0.elementsEqual(owner) }),
                let value = environment.first(where: { $0.starts(with: mark) }),
                let begun = Int(String(decoding: value.dropFirst(mark.count), as: UTF8.self)), begun < limit
            else { continue }
            ProcessIdentity(pid: pid, startTime: stat.startTime).signal(SIGKILL)
        }
    }

    /// Seconds since boot.
    private static func uptime() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return time.tv_sec
    }
}
