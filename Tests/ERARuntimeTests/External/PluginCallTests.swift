import ERAContracts
import ERACore
import ERALinux
import Glibc
import Synchronization
import Testing

@testable import ERARuntime

private let api = PluginScratch.apiVersion

/// What becomes of one call of an executable.
@Suite struct PluginCallTests {
    // Each row: what `status` does, and what the failure says. reliability.md: "not JSON, two objects,
    // invalid UTF-8, unknown version, exit 0 without an answer, noise on stdout".
    @Test(arguments: [
        ("true", "nothing was written"),
        ("echo", "nothing was written"),
        ("echo hello", "not one JSON object"),
        ("echo '[]'", "is not an object"),
        (#"echo '{\#(api),"state":"absent"'"#, "not one JSON object"),
        (#"echo '{\#(api),"state":"absent"} {}'"#, "something follows"),
        (#"echo working; echo '{\#(api),"state":"absent"}'"#, "not one JSON object"),
        (#"printf '{\#(api),"state":"\377"}'"#, "invalid UTF-8"),
        (#"printf '{\#(api),"state":"absent"}\0'"#, "something follows"),
        (#"echo '{"apiVersion":"plugin.era.dev/v2","state":"absent"}'"#, "plugin.era.dev/v2"),
        (#"echo '{"state":"absent"}'"#, "has no apiVersion"),
        (#"echo '{\#(api)}'"#, "state is missing"),
        (#"echo '{\#(api),"state":"up"}'"#, "state is up"),
        (#"echo '{\#(api),"state":7}'"#, "state is not a string"),
        (#"echo '{\#(api),"state":"absent","pid":4}'"#, "pid is not a field"),
        (#"echo '{\#(api),"state":"running","helthy":true}'"#, "helthy is not a field"),
        (#"echo '{\#(api),"state":"running","healthy":"yes"}'"#, "healthy is neither true nor false"),
        (#"echo '{\#(api),"state":"running","pid":0}'"#, "pid is not a whole number"),
        (#"echo '{\#(api),"state":"running","pid":4194999}'"#, "there is no such process"),
        (#"echo '{\#(api),"state":"exited","exitCode":1,"signal":9}'"#, "an exitCode and a signal"),
        (#"echo '{\#(api),"state":"absent","state":"running"}'"#, "stands twice"),
        ("head -c 300000 /dev/zero | tr '\\0' '['", "inside each other"),
    ])
    func `garbage is a permanent failure that says what it is`(_ script: String, _ words: String) async throws
    {
        try await PluginScratch.with { scratch in
            let plugin = try await scratch.plugin(["status": script])
            let id = try scratch.instance().id
            await #expect { try await plugin.status(id) } throws: { error in
                guard let failure = error as? Failure else { return false }
                #expect(failure.message.contains(words), "\(failure.message)")
                return failure.code == .pluginFault && failure.persistence == .permanent
            }
        }
    }

    // Each row: what `start` does, the code, whether it is transient, and what the message has.
    @Test(arguments: [
        ("exit 75", "PluginFault", true, "did not say why"),
        ("echo 'no route' >&2; exit 75", "PluginFault", true, "no route"),
        ("echo first >&2; printf 'last words' >&2; exit 1", "PluginFault", false, "last words"),
        ("exit 3", "PluginFault", false, "exit code 3"),
        (
            #"echo '{\#(api),"error":{"code":"PortTaken","message":"80 is taken"}}'; exit 75"#, "PortTaken",
            true,
            "80 is taken"
        ),
        (#"echo '{\#(api),"error":{"message":"no"}}'; exit 1"#, "PluginFault", false, "no"),
        // Told badly, it is a failure still.
        (
            #"echo '{\#(api),"error":{"code":"no word","message":"x"}}'; echo y >&2; exit 1"#, "PluginFault",
            false, "y"
        ),
        ("kill -9 $$", "PluginFault", true, "signal 9"),
        ("kill -TERM $$", "PluginFault", true, "signal 15"),
    ])
    func `an exit code says whether to try again`(
        _ script: String,
        _ code: String,
        _ isTransient: Bool,
        _ words: String
    ) async throws {
        try await PluginScratch.with { scratch in
            let plugin = try await scratch.plugin(["start": script])
            let instance = try scratch.instance()
            await #expect {
                try await plugin.start(instance, handle: InstanceHandle(version: 1, payload: .null))
            } throws: { error in
                guard let failure = error as? Failure else { return false }
                #expect(failure.message.contains(words), "\(failure.message)")
                return failure.code.rawValue == code && (failure.persistence == .transient) == isTransient
            }
        }
    }

    @Test func `a plugin that asks for a pause gets it`() async throws {
        try await PluginScratch.with { scratch in
            let error = #"{\#(api),"error":{"message":"busy","retryAfterSeconds":7}}"#
            let plugin = try await scratch.plugin(["delete": "echo '\(error)'; exit 75"])
            let id = try scratch.instance().id
            await #expect { try await plugin.delete(id) } throws: {
                ($0 as? Failure)?.retryAfter == .seconds(7)
            }
        }
    }

    @Test func `who hangs is killed with its group, and the failure says so`() async throws {
        try await PluginScratch.with { scratch in
            let script = "trap '' TERM INT HUP; sleep 3000 & echo $! $$ >\(scratch.root)/pids; wait; wait"
            let plugin = try await scratch.plugin(["status": script]) { $0.timeouts.status = .seconds(2) }
            let id = try scratch.instance().id
            await #expect { try await plugin.status(id) } throws: { error in
                (error as? Failure)?.code == .timeout && (error as? Failure)?.persistence == .transient
            }
            let pids = text(of: scratch.root + "/pids").split { $0 == " " || $0 == "\n" }.compactMap {
                Int32($0)
            }
            #expect(pids.count == 2)
            try await eventually("both are gone") { pids.allSatisfy { !isRunning($0) } }
        }
    }

    @Test func `who is cut off is killed with its group`() async throws {
        try await PluginScratch.with { scratch in
            let plugin = try await scratch.plugin([
                "status": "sleep 3000 & echo $! $$ >\(scratch.root)/pids.new; mv \(scratch.root)/pids.new "
                    + "\(scratch.root)/pids; wait"
            ])
            let id = try scratch.instance().id
            let call = Task { try await plugin.status(id) }
            try await eventually("it runs") { access(scratch.root + "/pids", F_OK) == 0 }
            call.cancel()
            await #expect(throws: CancellationError.self) { try await call.value }
            let pids = text(of: scratch.root + "/pids").split { $0 == " " || $0 == "\n" }.compactMap {
                Int32($0)
            }
            try await eventually("both are gone") { pids.count == 2 && pids.allSatisfy { !isRunning($0) } }
        }
    }

    @Test func `what a verb leaves in its group is killed, and its hold on the output waits for nobody`()
        async throws
    {
        try await PluginScratch.with { scratch in
            let plugin = try await scratch.plugin([
                "status": #"sleep 3000 & echo $! >\#(scratch.root)/pid; echo '{\#(api),"state":"absent"}'"#
            ])
            #expect(try await plugin.status(try scratch.instance().id) == .absent)
            let pid = try #require(Int32(text(of: scratch.root + "/pid").filter(\.isNumber)))
            try await eventually("it is gone") { !isRunning(pid) }
        }
    }

    // reliability.md: "1 GiB".
    @Test func `who floods the answer is killed, and costs no more memory than the limit`() async throws {
        try await PluginScratch.with { scratch in
            let plugin = try await scratch.plugin(["status": "exec cat /dev/zero"])
            let id = try scratch.instance().id
            await #expect { try await plugin.status(id) } throws: { error in
                (error as? Failure)?.message.contains("more than 1 MiB") == true
            }
        }
    }

    @Test func `what a plugin says is logged with its name, a flood only in part`() async throws {
        try await PluginScratch.with { scratch in
            let answer = #"{\#(api),"state":"absent"}"#
            let plugin = try await scratch.plugin([
                "status": "printf 'a\\033[31mb\\n' >&2; yes x | head -n 100000 >&2; echo '\(answer)'"
            ])
            #expect(try await plugin.status(try scratch.instance().id) == .absent)
            let lines = scratch.lines.all
            #expect(lines.contains("plugin says line=a [31mb plugin=stub verb=status"))
            #expect(lines.count { $0.hasPrefix("plugin says") } == PluginTalk.lineLimit)
            #expect(
                lines.last == "plugin said more, which was not logged lines=99901 plugin=stub verb=status"
            )
        }
    }

    @Test func `a call gets a clean world, and secrets by standard input alone`() async throws {
        try await PluginScratch.with { scratch in
            let handle = #"{\#(api),"handle":{"version":1}}"#
            let plugin = try await scratch.plugin([
                "install": """
                tr '\\0' '\\n' </proc/$$/environ >environ; tr '\\0' ' ' </proc/$$/cmdline >cmdline
                ls -l /proc/$$/fd >descriptors; pwd >place; umask >mask; cat >request
                cut -d' ' -f5,6 /proc/$$/stat >group; grep Sig /proc/self/status >signals; echo '\(handle)'
                """
            ])
            setenv("ERA_LEAK", "1", 1)
            defer { unsetenv("ERA_LEAK") }
            let instance = try scratch.instance()
            _ = try await plugin.install(instance)
            let own = scratch.own(instance)
            func file(_ name: String) -> String { text(of: "\(own)/\(name)") }
            // sh itself adds PWD and the like only to its children.
            #expect(
                file("environ").split(separator: "\n").sorted() == [
                    "ERA_DIRECTORY=\(own)", "ERA_NAME=app", "ERA_NAMESPACE=default",
                    "ERA_PLUGIN_API=plugin.era.dev/v1", "ERA_REVISION=1", "LANG=C.UTF-8",
                    "PATH=/usr/local/bin:/usr/bin:/bin",
                ]
            )
            #expect(file("cmdline") == "/bin/sh \(scratch.plugins)/era-plugin-stub install ")
            #expect(file("place") == own + "\n" && file("mask").hasSuffix("077\n"))
            let open = file("descriptors").split(separator: "\n").dropFirst()
            // The shell has its script open, and keeps its output aside while it redirects it.
            #expect(open.count == 5, "\(open)")
            #expect(open.count { $0.contains("memfd") } == 1 && open.count { $0.contains("pipe:") } == 2)
            #expect(file("request").contains("canary"))
            #expect(!file("environ").contains("canary") && !file("cmdline").contains("canary"))
            #expect(file("signals").contains("SigBlk:\t0000000000000000"))
            let group = file("group").split { $0 == " " || $0 == "\n" }
            #expect(group.count == 2 && group[0] == group[1], "it leads a session of its own")
        }
    }

    @Test func `what is read of a request is the same each time`() async throws {
        try await PluginScratch.with { scratch in
            let plugin = try await scratch.plugin([
                "stop": "cat >request; echo '{\(api)}'",
                "status": #"cat >request; echo '{\#(api),"state":"absent"}'"#,
            ])
            let instance = try scratch.instance()
            makeDirectories(scratch.own(instance))
            try await plugin.stop(instance.id, StopSpec(signal: .int, grace: .milliseconds(1500)))
            #expect(
                text(of: scratch.own(instance) + "/request")
                    == #"{"apiVersion":"plugin.era.dev/v1","graceSeconds":1.5,"instance":{"directory":"#
                    + #""\#(scratch.own(instance))","name":"app","namespace":"default","revision":1},"#
                    + #""signal":"INT","verb":"stop"}"#
            )
        }
    }

    @Test func `only so many questions are asked at a time`() async throws {
        try await PluginScratch.with { scratch in
            let places = scratch.root + "/places"
            makeDirectories(places)
            let plugin = try await scratch.plugin([
                "status": "touch \(places)/$$; ls \(places) | wc -l >>\(scratch.root)/counts; sleep 0.3; "
                    + #"rm \#(places)/$$; echo '{\#(api),"state":"absent"}'"#
            ])
            let id = try scratch.instance().id
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<24 { group.addTask { _ = try await plugin.status(id) } }
                try await group.waitForAll()
            }
            let counts = text(of: scratch.root + "/counts").split(separator: "\n").compactMap {
                Int($0.filter(\.isNumber))
            }
            #expect(counts.count == 24)
            #expect(try #require(counts.max()) <= ExternalPlugin.questionLimit && counts.max() ?? 0 > 1)
        }
    }

    @Test func `who waits for a place and is cut off, gives way`() async throws {
        let places = Gate(limit: 1)
        let holds = Signalled()
        let first = Task { try await places.withPermit { await holds.wait() } }
        try await eventually("it is held") { holds.isWaited }
        let second = Task { try await places.withPermit { 2 } }
        let third = Task { try await places.withPermit { 3 } }
        second.cancel()
        await #expect(throws: CancellationError.self) { try await second.value }
        holds.signal()
        try await first.value
        #expect(try await third.value == 3)
    }

    @Test func `a thousand calls leave no descriptor and no process behind`() async throws {
        try await PluginScratch.with { scratch in
            let plugin = try await scratch.plugin(["status": #"echo '{\#(api),"state":"absent"}'"#])
            let id = try scratch.instance().id
            _ = try await plugin.status(id)
            let before = openDescriptors()
            for _ in 0..<50 {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<8 { group.addTask { _ = try await plugin.status(id) } }
                    try await group.waitForAll()
                }
            }
            // Other tests run beside this one, and have some of their own.
            try await eventually("they are closed") { openDescriptors() <= before + 40 }
        }
    }

    @Test func `a program of machine code runs as well, and what says nothing is refused`() async throws {
        try await PluginScratch.with { scratch in
            let path = scratch.plugins + "/era-plugin-true"
            write(readSmallFile("/bin/true", limit: 1 << 22) ?? [], to: path)
            chmod(path, 0o755)
            await #expect { _ = try await ExternalPlugin(path: path, scratch.options) } throws: { error in
                (error as? Failure)?.message.contains("nothing was written to standard output") == true
            }
        }
    }

    @Test(arguments: [
        ("#!/nonexistent/interpreter\n", "the interpreter in its first line is not there"),
        ("hello\n", "names none (#!)"),
    ])
    func `what cannot be started says why`(_ content: String, _ words: String) async throws {
        try await PluginScratch.with { scratch in
            let path = scratch.plugins + "/era-plugin-x"
            write(content, to: path)
            chmod(path, 0o755)
            await #expect { _ = try await ExternalPlugin(path: path, scratch.options) } throws: { error in
                (error as? Failure)?.message.contains(words) == true
            }
        }
    }
}

/// Whether a process is there and has not ended.
private func isRunning(_ pid: Int32) -> Bool { ProcessStat(pid: pid).map { !$0.hasEnded } ?? false }

private func openDescriptors() -> Int { namesInDirectory("/proc/self/fd").count }

/// Lets one wait until another says so; a class, since both hold it.
private final class Signalled: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation
    private let waited = Atomic(false)

    init() { (stream, continuation) = AsyncStream.makeStream() }

    var isWaited: Bool { waited.load(ordering: .acquiring) }
    func signal() { continuation.finish() }
    func wait() async {
        waited.store(true, ordering: .releasing)
        for await _ in stream {}
    }
}
