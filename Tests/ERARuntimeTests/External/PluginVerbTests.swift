import ERAContracts
import ERACore
import Glibc
import Synchronization
import Testing

@testable import ERARuntime

private let api = PluginScratch.apiVersion

/// What ERA makes of each verb.
@Suite struct PluginVerbTests {
    @Test(arguments: [
        ("\"absent\"", InstanceStatus.absent), ("\"installed\"", .installed), ("\"stopping\"", .stopping),
        ("\"exited\"", .exited(.init(status: .unknown, at: nil))),
        ("\"exited\",\"exitCode\":3", .exited(.init(status: .code(3), at: nil))),
        (
            "\"exited\",\"signal\":9,\"endedAtUptime\":1.5",
            .exited(.init(status: .signal(9), at: Uptime(sinceBoot: .milliseconds(1500))))
        ),
        ("\"running\"", .running(.init(pid: nil, startedAt: Uptime(sinceBoot: .zero)))),
        (
            "\"running\",\"startedAtUptime\":2,\"healthy\":false,\"restrictions\":[\"none\"]",
            .running(
                .init(
                    pid: nil,
                    startedAt: Uptime(sinceBoot: .seconds(2)),
                    isHealthy: false,
                    restrictions: ["none"]
                )
            )
        ),
    ])
    func `each state is read as it is`(_ state: String, _ expected: InstanceStatus) async throws {
        try await PluginScratch.with { scratch in
            let plugin = try await scratch.plugin(["status": "echo '{\(api),\"state\":\(state)}'"])
            #expect(try await plugin.status(try scratch.instance().id) == expected)
        }
    }

    @Test func `the instance has a directory of its own, which goes with it`() async throws {
        try await PluginScratch.with { scratch in
            let plugin = try await scratch.plugin([
                "install":
                    #"mkdir -p a/b/c; : >a/b/c/d; echo '{\#(api),"handle":{"version":2,"payload":{"x":[1]}}}'"#,
                "delete": "echo '{\(api)}'",
            ])
            let instance = try scratch.instance()
            let handle = try await plugin.install(instance)
            #expect(handle == InstanceHandle(version: 2, payload: ["x": [1]]))
            var status = stat()
            #expect(stat(scratch.own(instance), &status) == 0 && status.st_mode & 0o777 == 0o700)
            #expect(try await plugin.instances() == [instance.id])
            try await plugin.delete(instance.id)
            #expect(access(scratch.own(instance), F_OK) != 0 && access(instance.directory, F_OK) == 0)
            #expect(try await plugin.instances().isEmpty)
            // Also where not even the instance's directory is left.
            rmdir(instance.directory)
            try await plugin.delete(instance.id)
        }
    }

    @Test(arguments: [("", true), (#","artifactForm":"files""#, true), (#","artifactForm":"blob""#, false)])
    func `an artifact is unpacked unless the plugin wants it as it is`(_ form: String, _ isUnpacked: Bool)
        async throws
    {
        try await PluginScratch.with { scratch in
            let plugin = try await scratch.plugin([
                "describe": "echo '\(PluginScratch.description("stub", more: form))'",
                "install": #"cat >request; echo '{\#(api),"handle":{"version":1}}'"#,
            ])
            write("content", to: scratch.root + "/blob")
            var instance = try scratch.instance()
            instance.artifact = StoredArtifact(
                digest: try Digest("sha256:" + String(repeating: "a", count: 64)),
                size: ByteCount(7),
                path: scratch.root + "/blob",
                name: "app"
            )
            _ = try await plugin.install(instance)
            let files = scratch.own(instance) + "/files"
            #expect((text(of: files + "/app") == "content") == isUnpacked)
            #expect(
                text(of: scratch.own(instance) + "/request").contains("\"files\":\"\(files)\"") == isUnpacked
            )
        }
    }

    @Test func `the schema answers before the plugin does`() async throws {
        try await PluginScratch.with { scratch in
            let answer =
                #"{\#(api),"name":"stub","version":"1.0.0","configSchema":{"type":"object","#
                + #""additionalProperties":false,"properties":{"port":{"type":"integer"}}}}"#
            let plugin = try await scratch.plugin([
                "describe": "echo '\(answer)'",
                "validate": "echo >>\(scratch.root)/asked; "
                    + #"echo '{\#(api),"problems":[{"field":"spec.command","message":"no"}]}'"#,
            ])
            var spec = try scratch.instance().spec
            spec.runtime.config = ["port": "x", "host": "y"]
            #expect(
                try await plugin.validate(spec) == [
                    SpecProblem(
                        field: "spec.runtime.config.host",
                        message: "is not a field; there are: port"
                    ),
                    SpecProblem(
                        field: "spec.runtime.config.port",
                        message: "is a string, and should be integer"
                    ),
                ]
            )
            #expect(access(scratch.root + "/asked", F_OK) != 0)
            spec.runtime.config = ["port": 1]
            #expect(try await plugin.validate(spec) == [SpecProblem(field: "spec.command", message: "no")])
        }
    }

    @Test func `progress is shown, and is a sign of life`() async throws {
        try await PluginScratch.with { scratch in
            let plugin = try await scratch.plugin([
                "install": "for i in 1 2 3 4 5 6; do sleep 0.7; echo progress $i 6 >&2; done; "
                    + #"echo '{\#(api),"handle":{"version":1}}'"#
            ]) { $0.timeouts.install = .seconds(3) }
            let reports = Mutex<[StepProgress]>([])
            _ = try await plugin.install(try scratch.instance()) { progress in
                reports.withLock { $0.append(progress) }
            }
            #expect(reports.withLock(\.self).map(\.done) == (1...6).map { ByteCount(Int64($0)) })
            #expect(!scratch.lines.all.contains { $0.contains("progress") })
        }
    }

    @Test(arguments: [
        "progress", "progress x", "progress -1", "progress 5 4", "progress 1 2 3", "making progress 1",
    ])
    func `what is no progress is logged`(_ line: String) { #expect(PluginCaller.progress(line) == nil) }

    @Test func `a probe's surroundings are asked for only where they are declared`() async throws {
        try await PluginScratch.with { scratch in
            let answer =
                #"{\#(api),"workingDirectory":"/srv","environment":{"A":"b"},"commandPrefix":["in","box"]}"#
            let probe = ["probe": "echo '\(answer)'"]
            let instance = try scratch.instance()
            let without = try await scratch.plugin(probe)
            await #expect { try await without.probeEnvironment(instance) } throws: {
                ($0 as? Failure)?.code == .unsupported
            }
            let description =
                #"{\#(api),"name":"stub","version":"1.0.0","capabilities":["execProbe"],"#
                + #""configSchema":{"type":"object"}}"#
            let with = try await scratch.plugin(probe.merging(["describe": "echo '\(description)'"]) { $1 })
            #expect(
                try await with.probeEnvironment(instance)
                    == ProbeEnvironment(
                        workingDirectory: "/srv",
                        variables: ["A": SecretText("b")],
                        user: nil,
                        commandPrefix: ["in", "box"]
                    )
            )
        }
    }

    @Test func `logs are whole lines, a failure is one, and who leaves ends the process`() async throws {
        try await PluginScratch.with { scratch in
            let plugin = try await scratch.plugin([
                "logs": """
                request=$(cat)
                case $request in
                *'"follow":true'*) echo $$ >\(scratch.root)/pid; echo begins; sleep 3000;;
                *'"tailLines":3'*) exit 4;;
                *) printf 'one\\ntw'; sleep 0.2; printf 'o\\nthree';;
                esac
                """
            ])
            let id = try scratch.instance().id
            var chunks: [String] = []
            for try await chunk in plugin.logs(id, LogRequest()) {
                chunks.append(String(decoding: chunk, as: UTF8.self))
            }
            #expect(chunks.joined() == "one\ntwo\nthree")
            #expect(chunks.dropLast().allSatisfy { $0.hasSuffix("\n") })
            await #expect {
                for try await _ in plugin.logs(id, LogRequest(tailLines: 3)) {}
            } throws: { ($0 as? Failure)?.message.contains("exit code 4") == true }

            let reading = Task {
                for try await _ in plugin.logs(id, LogRequest(follow: true)) {}
            }
            try await eventually("it follows") { access(scratch.root + "/pid", F_OK) == 0 }
            let pid = try #require(Int32(text(of: scratch.root + "/pid").filter(\.isNumber)))
            reading.cancel()
            _ = await reading.result
            try await eventually("it is gone") { ProcessStat(pid: pid).map(\.hasEnded) ?? true }
            try await eventually("its place is free") { plugin.openLogs.withLock { $0 == 0 } }
        }
    }
}
