import ERALinux
import Foundation
import Glibc
import Testing

/// A child is run to its end, or is ended; nothing of it is left.
@Suite(.timeLimit(.minutes(2)), .serialized) struct ChildTests {
    private func shell(_ script: String) -> ChildProgram {
        ChildProgram(["/bin/sh"], arguments: ["sh", "-c", script], environment: ["PATH=/usr/bin:/bin"])
    }

    private func run(_ script: String, within limit: Duration = .seconds(60)) async throws -> (
        Child.End, String
    ) {
        let outcome = try await shell(script).run(within: limit, outputLimit: 10)
        return (outcome.end, String(decoding: outcome.output, as: UTF8.self))
    }

    @Test func `it says how it ended and what it wrote first, to both outputs`() async throws {
        #expect(try await run("printf ab; printf cd >&2; exit 3") == (.code(3), "abcd"))
        #expect(try await run("kill -11 $$") == (.signal(11), ""))
        // More than a pipe holds, and more than is kept.
        #expect(try await run("printf 0123456789; head -c 3000000 /dev/zero") == (.code(0), "0123456789"))
        #expect(try await run("exec >&- 2>&-; sleep 0.1") == (.code(0), ""))
    }

    @Test func `it reads what it is given, and nothing where it is given nothing`() async throws {
        var program = shell("cat; wc -c")
        #expect(try await program.run(within: .seconds(60), outputLimit: 10).output == Array("0\n".utf8))
        // More than a pipe holds.
        program.input = [UInt8](repeating: 0x61, count: 3_000_000)
        program.arguments = ["sh", "-c", "head -c 4; wc -c"]
        let outcome = try await program.run(within: .seconds(60), outputLimit: 100)
        #expect(outcome.end == .code(0))
        #expect(String(decoding: outcome.output, as: UTF8.self) == "aaaa2999996\n")
    }

    @Test func `its errors can be kept apart from what it answers`() async throws {
        var program = shell("printf answer; printf trouble >&2; exit 4")
        program.keepsErrorsApart = true
        let outcome = try await program.run(within: .seconds(60), outputLimit: 6)
        let expected = ChildProgram.Outcome(
            .code(4),
            output: Array("answer".utf8),
            errors: Array("troubl".utf8)
        )
        #expect(outcome == expected)
    }

    @Test func `it gains no privileges unless that is said`() async throws {
        var program = shell("grep NoNewPrivs /proc/self/status | tr -dc 01")
        #expect(try await program.run(within: .seconds(60), outputLimit: 10).output == Array("1".utf8))
        program.gainsPrivileges = true
        #expect(try await program.run(within: .seconds(60), outputLimit: 10).output == Array("0".utf8))
    }

    @Test func `one that takes too long is ended with all that it started`() async throws {
        let marker = "\(getpid()).\(UInt32.random(in: 1...UInt32.max))"
        let script = "trap '' TERM; sh -c 'sleep 300; : \(marker)' & sleep 300"
        let before = ContinuousClock.now
        #expect(try await run(script, within: .milliseconds(200)).0 == .timedOut)
        #expect(ContinuousClock.now - before < .seconds(20))
        #expect(processes(with: marker) == 0)
    }

    @Test func `one that nobody waits for any more is ended`() async throws {
        let task = Task { try await run("sleep 300") }
        try await Task.sleep(for: .milliseconds(100))
        task.cancel()
        #expect(try await task.value.0 == .cancelled)
        // Also where it is said before the start.
        let late = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await run("sleep 300")
        }
        #expect(try await late.value.0 == .cancelled)
    }

    @Test func `its reader may give it more time, and may stop it`() async throws {
        let child = try await shell("for i in 1 2 3 4 5 6; do echo $i; sleep 0.3; done; exit 7").start()
        #expect(await child.end(within: .milliseconds(1200)) { _, _ in .isAlive } == .code(7))
        let flood = try await shell("yes").start()
        #expect(await flood.end(within: .seconds(60)) { _, _ in .stop } == .stopped)
    }

    @Test func `one that has ended while nobody could look has not taken too long`() async throws {
        let child = try await shell("echo a; sleep 0.2; exit 3").start()
        let end = await child.end(within: .seconds(1)) { _, _ in
            usleep(2_000_000)
            return .goOn
        }
        #expect(end == .code(3))
    }

    @Test func `one that somebody else has reaped has ended, however`() async throws {
        let child = try await shell("sleep 300").start()
        let end = Task { await child.end(within: .seconds(30)) { _, _ in .goOn } }
        try await Task.sleep(for: .milliseconds(50))
        let before = ContinuousClock.now
        // At once, so that it is gone before anybody is told.
        kill(child.process, SIGKILL)
        waitpid(child.process, nil, 0)
        let value = await end.value
        #expect(value == .code(-1) || value == .signal(SIGKILL))
        #expect(ContinuousClock.now - before < .seconds(20))
    }

    @Test func `what cannot be started says why`() async {
        await #expect(throws: SystemError(ENOENT)) {
            try await ChildProgram(["/nonexistent"], arguments: ["x"]).start()
        }
        await #expect(throws: SystemError(EACCES)) {
            try await ChildProgram(["/etc"], arguments: ["x"]).start()
        }
        #expect(SystemError(ENOENT).text == "no such file or directory")
    }

    @Test func `a thousand leave no descriptor and no process behind`() async throws {
        _ = try await run("exit 0")
        let before = descriptors()
        for _ in 0..<125 {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        let child = try await ChildProgram(["/bin/true"], arguments: ["true"]).start()
                        #expect(await child.end(within: .seconds(60)) { _, _ in .goOn } == .code(0))
                        #expect(kill(child.process, 0) < 0 && errno == ESRCH)
                    }
                }
                try await group.waitForAll()
            }
        }
        // Others of these tests' process may have some open for a moment.
        var left = descriptors() - before
        for _ in 0..<100 where left > 0 {
            try await Task.sleep(for: .milliseconds(20))
            left = descriptors() - before
        }
        #expect(left <= 0)
    }

    private func descriptors() -> Int { entries("/proc/self/fd").count }

    private func processes(with marker: String) -> Int {
        entries("/proc").filter { Int($0) != nil }.count { process in
            // One that has just ended has no command line.
            let line = try? Data(contentsOf: URL(filePath: "/proc/\(process)/cmdline"))
            return line.map { String(decoding: $0, as: UTF8.self).contains(marker) } ?? false
        }
    }

    private func entries(_ path: String) -> [String] {
        // None where it cannot be read: the test fails then.
        (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    }
}
