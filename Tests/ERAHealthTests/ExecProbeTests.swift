import ERAContracts
import ERAHealth
import Glibc
import Testing

/// Programs as probes: each ends as a whole, in time, and leaves nothing behind.
@Suite(.timeLimit(.minutes(2)), .serialized) struct ExecProbeTests {
    private func probe(
        _ command: [String],
        in directory: String = "/",
        variables: [String: String] = [:],
        user: String? = nil,
        capabilities: UInt64 = 0,
        timeout: Duration = .seconds(30)
    ) async throws -> ProbeOutcome {
        let prober = NetworkProber()
        let environment = ProbeEnvironment(
            workingDirectory: directory,
            variables: variables.mapValues { SecretText($0) },
            user: user,
            capabilities: capabilities
        )
        let target = ProbeRequest.Target.exec(command: command, environment: environment)
        let outcome = await prober.probe(ProbeRequest(target: target, timeout: timeout))
        try await prober.shutdown()
        return outcome
    }

    @Test func `exit code 0 is success and any other a failure with the output`() async throws {
        #expect(try await probe(["true"]) == .success)
        #expect(try await probe(["/bin/sh", "-c", "exit 3"]) == .failure("/bin/sh exited with code 3"))
        #expect(
            try await probe(["sh", "-c", "echo out; echo err >&2; exit 1"])
                == .failure("sh exited with code 1: out err ")
        )
        #expect(try await probe(["sh", "-c", "kill -9 $$"]) == .failure("sh was killed by signal 9"))
    }

    @Test func `the program has the workload's directory and variables and nothing of ERA's`() async throws {
        let script = #"[ "$PWD" = /tmp ] && [ "$TOKEN" = "a b" ] && [ -z "$HOME$SWIFT_HOME" ]"#
        #expect(try await probe(["sh", "-c", script], in: "/tmp", variables: ["TOKEN": "a b"]) == .success)
        // Descriptors 0 to 2, and that of the listing itself.
        let open = try await probe(["sh", "-c", "ls /proc/self/fd; exit 1"])
        #expect(open == .failure("sh exited with code 1: 0 1 2 3 "))
        #expect(try await probe(["sh", "-c", "read line && exit 1; exit 0"]) == .success)
    }

    @Test func `a program's name is looked up in the workload's path`() async throws {
        #expect(try await probe(["true"], variables: ["PATH": "/nowhere:/bin"]) == .success)
        #expect(
            try await probe(["true"], variables: ["PATH": "/nowhere"])
                == .failure("running true failed: no such file or directory")
        )
        #expect(try await probe(["./true"], in: "/bin") == .success)
    }

    @Test(arguments: [["/no/such/program"], [""], [], ["/etc/hostname"], ["a\u{0}b"], ["/"]])
    func `a command that is none is a failure`(command: [String]) async throws {
        guard case .failure(let text) = try await probe(command) else {
            Issue.record("\(command) cannot succeed")
            return
        }
        #expect(text.utf8.count <= 512)
    }

    @Test func `a directory that is missing is a failure`() async throws {
        #expect(
            try await probe(["true"], in: "/no/such")
                == .failure("running true failed: no such file or directory")
        )
    }

    @Test func `a program that ignores TERM is over at the time-out, with its children`() async throws {
        let marker = "\(getpid()).\(UInt32.random(in: 1...UInt32.max))"
        let script = "trap '' TERM; sh -c 'sleep 300; : \(marker)' & sleep 300; : \(marker)"
        var outcome = ProbeOutcome.success
        let time = try await ContinuousClock().measure {
            outcome = try await probe(["sh", "-c", "echo \(marker); \(script)"], timeout: .milliseconds(300))
        }
        #expect(outcome == .failure("sh did not end within 0.3 seconds; killed"))
        #expect(time < .seconds(20))
        try await waitUntilGone(marker)
    }

    @Test func `children that linger after the program are killed and hold nothing up`() async throws {
        let marker = "\(getpid()).\(UInt32.random(in: 1...UInt32.max))"
        #expect(try await probe(["sh", "-c", "sh -c 'sleep 300; : \(marker)' & exit 0"]) == .success)
        try await waitUntilGone(marker)
    }

    @Test func `a flood of output is cut and does not block the program`() async throws {
        let outcome = try await probe(["sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x; exit 1"])
        guard case .failure(let text) = outcome else {
            Issue.record("exit code 1")
            return
        }
        #expect(text.hasPrefix("sh exited with code 1: xxx"))
        #expect(text.utf8.count == 512)
    }

    @Test(.enabled(if: geteuid() == 0, "only root can become somebody else"))
    func `the program runs as the workload's user without a way back`() async throws {
        let script =
            #"[ "$(id -u)" = 65534 ] && [ "$(id -G)" = 65534 ] && grep -q 'NoNewPrivs:.1' /proc/self/status"#
        #expect(try await probe(["sh", "-c", script], user: "nobody") == .success)
        #expect(try await probe(["sh", "-c", script], user: "65534") == .success)
        #expect(try await probe(["sh", "-c", "[ $(id -u) = 54321 ]"], user: "54321") == .success)
        #expect(
            try await probe(["true"], user: "no-such-user")
                == .failure("running true failed: there is no user no-such-user")
        )
    }

    @Test func `the program has no capability, not even as root`() async throws {
        let script =
            "grep -q '^CapEff:[[:space:]]*0*$' /proc/self/status && "
            + "grep -q '^CapPrm:[[:space:]]*0*$' /proc/self/status"
        #expect(try await probe(["sh", "-c", script]) == .success)
        // The control: this process is root here and has some, or the line above proves nothing.
        if geteuid() == 0 {
            let bounding = try await probe([
                "sh", "-c", "grep -q '^CapBnd:[[:space:]]*0*$' /proc/self/status",
            ])
            #expect(bounding == .success)
        }
    }

    /// The sets of the program itself, as `/proc/self/status` has them:
    /// effective, permitted, bounding, ambient.
    private static let setsScript =
        "grep -E '^Cap(Prm|Eff|Bnd|Amb)' /proc/self/status | tr -d '\\n\\t'; exit 1"

    @Test(
        .enabled(if: geteuid() == 0 && canKeep(bindService), "only root has a capability to keep"),
        arguments: [nil, "nobody"]
    )
    func `the program has exactly the capabilities that its workload keeps`(user: String?) async throws {
        let set = "0000000000000400"
        #expect(
            try await probe(["sh", "-c", Self.setsScript], user: user, capabilities: 1 << bindService)
                == .failure("sh exited with code 1: CapPrm:\(set)CapEff:\(set)CapBnd:\(set)CapAmb:\(set)")
        )
        // What nobody has here cannot be given, and is no reason to fail.
        let impossible = try await probe(["true"], user: user, capabilities: 1 << 63 | 1 << bindService)
        #expect(impossible == .success)
    }

    @Test func `a cancelled probe kills its program`() async throws {
        let marker = "\(getpid()).\(UInt32.random(in: 1...UInt32.max))"
        let task = Task { try await probe(["sh", "-c", "sleep 300; : \(marker)"], timeout: .seconds(300)) }
        while try count(marker) == 0 { try await Task.sleep(for: .milliseconds(2)) }
        task.cancel()
        #expect(try await task.value.isSuccess == false)
        try await waitUntilGone(marker)
    }

    // reliability.md: "no growth over a day of probes at 1/s": `make soak` runs as many.
    @Test func `many probes at once leave no zombie and no descriptor, and no memory`() async throws {
        let total = getenv("ERA_PROBES").flatMap { Int(String(cString: $0)) } ?? 600
        let prober = NetworkProber()
        let environment = ProbeEnvironment(workingDirectory: "/", variables: [:], user: nil)
        func round(_ count: Int) async {
            await withTaskGroup(of: ProbeOutcome.self) { group in
                for number in 0..<count {
                    let command = number % 3 == 0 ? ["false"] : number % 3 == 1 ? ["true"] : ["/no/such"]
                    group.addTask {
                        let target = ProbeRequest.Target.exec(command: command, environment: environment)
                        return await prober.probe(ProbeRequest(target: target, timeout: .seconds(60)))
                    }
                }
                for await _ in group {}
            }
        }
        for _ in 0..<4 { await round(50) }
        let before = openDescriptors()
        let memory = residentMemory()
        for _ in 0..<(total / 50) { await round(50) }
        let deadline = ContinuousClock.now + .seconds(20)
        while openDescriptors() > before || zombies() > 0, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(openDescriptors() <= before)
        #expect(zombies() == 0)
        // What is kept of a probe must be less than a page for each; the
        // tests beside this one need some, too.
        #expect(residentMemory() - memory < 16 << 20)
        try await prober.shutdown()
    }

    /// In bytes.
    private func residentMemory() -> Int {
        let file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        defer { close(file) }
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = read(file, &buffer, buffer.count)
        let fields = String(decoding: buffer[..<max(0, count)], as: UTF8.self).split(separator: " ")
        return (fields.count > 1 ? Int(fields[1]) ?? 0 : 0) * sysconf(CInt(_SC_PAGESIZE))
    }

    private func openDescriptors() -> Int { (0..<4096).count { fcntl(CInt($0), F_GETFD) != -1 } }

    /// Children of this process that have ended and were not reaped.
    private func zombies() -> Int {
        var information = siginfo_t()
        let flags = WEXITED | WNOHANG | WNOWAIT
        return waitid(P_ALL, 0, &information, flags) == 0 && information.si_code != 0 ? 1 : 0
    }

    private func waitUntilGone(_ marker: String) async throws {
        let deadline = ContinuousClock.now + .seconds(20)
        while try count(marker) > 0, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(try count(marker) == 0)
    }

    /// Processes that are not zombies and have the marker in their arguments.
    private func count(_ marker: String) throws -> Int {
        guard let stream = opendir("/proc") else { return 0 }
        defer { closedir(stream) }
        var count = 0
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard Int(name) != nil else { continue }
            let descriptor = open("/proc/\(name)/cmdline", O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { continue }
            var buffer = [UInt8](repeating: 0, count: 4096)
            let size = read(descriptor, &buffer, buffer.count)
            close(descriptor)
            if size > 0, String(decoding: buffer[..<size], as: UTF8.self).contains(marker) { count += 1 }
        }
        return count
    }
}

/// CAP_NET_BIND_SERVICE. Source: linux/capability.h.
private let bindService: UInt64 = 10

/// Whether this process may hand a capability on: it is in its bounding set.
private func canKeep(_ number: UInt64) -> Bool {
    let file = open("/proc/self/status", O_RDONLY | O_CLOEXEC)
    var buffer = [UInt8](repeating: 0, count: 16_384)
    let count = read(file, &buffer, buffer.count)
    close(file)
    let lines = String(decoding: buffer[..<max(0, count)], as: UTF8.self).split(separator: "\n")
    let set = lines.first { $0.hasPrefix("CapBnd:") }?.split(separator: "\t").last
    return set.flatMap { UInt64($0, radix: 16) }.map { $0 >> number & 1 == 1 } ?? false
}
