import ERAAPI
import ERAClient
import ERAContracts
import ERACore
import Glibc
import Testing

/// Plugins of others, with the real daemon and the real command.
@Suite(.timeLimit(.minutes(5)))
struct PluginTests {
    /// A directory of plugins with the sample in shell in it, as somebody would copy it there.
    private func plugins(_ machine: Machine, _ change: (String) -> String = { $0 }) throws -> String {
        let directory = machine.root + "/plugins"
        mkdir(directory, 0o755)
        try put(machine, change)
        return directory
    }

    private func put(_ machine: Machine, _ change: (String) -> String = { $0 }) throws {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let sample = text(of: "/\(root)/samples/plugins/era-plugin-interval")
        let path = machine.root + "/plugins/era-plugin-interval"
        try write(change(sample), to: path + ".new", mode: 0o755)
        chmod(path + ".new", 0o755)
        rename(path + ".new", path)
    }

    private func manifest(
        _ version: String,
        requirement: String = ">=1.0.0 <2.0.0",
        config: String = "{seconds: 1}"
    )
        -> String
    {
        """
        apiVersion: era.dev/v1
        kind: Deployment
        metadata: {name: clock}
        spec:
          version: \(version)
          runtime: {plugin: interval, pluginVersion: "\(requirement)", config: \(config)}
          command: [sh, -c, "echo tick of \(version); exec sleep 3600"]
          stop: {grace: 1s}
          update: {bakeSeconds: 0}
        """
    }

    @Test func `a plugin of others runs, survives ERA, is updated, lost, found again, and leaves nothing`()
        async throws
    {
        try await Machine.with { machine in
            let directory = try plugins(machine)
            let daemon = try await machine.daemon(["--plugin-dir", directory])
            try machine.place(manifest("1.0.0"), "clock.yaml")
            let first = try await machine.reaches("clock", "runs") { $0.isReady && $0.phase == .running }
            let pid = try #require(first.instance?.pid)
            try await eventually("its log is read") {
                try await machine.era("logs", "clock").output.contains("tick of 1.0.0")
            }

            try await daemon.crash()
            try await machine.daemon(["--plugin-dir", directory])
            let adopted = try await machine.reaches("clock", "runs still") {
                $0.isReady && $0.instance?.pid != nil
            }
            #expect(adopted.instance?.pid == pid)

            // It is killed: heard at once, and started again.
            kill(pid, SIGKILL)
            try await machine.reaches("clock", "runs again", within: .seconds(20)) {
                $0.isReady && $0.instance?.pid != nil && $0.instance?.pid != pid
            }

            unlink(directory + "/era-plugin-interval")
            try machine.place(manifest("1.1.0"), "clock.yaml")
            try await machine.reaches("clock", "says what is missing") {
                $0.wait?.reason == "PluginMissing"
                    && $0.wait?.message.contains("put era-plugin-interval into \(directory)") == true
            }
            #expect(machine.workloads("clock").count >= 2)
            try put(machine) { $0.replacing("version: \"1.0.0\"", with: "version: \"1.4.0\"") }
            try await machine.reaches("clock", "is updated") { $0.isReady && $0.version == "1.1.0" }
            let list = try await machine.era("plugins")
            let line = list.output.split(separator: "\n").first { $0.hasPrefix("interval ") }
            #expect(line?.contains(" 1.4.0 ") == true)
            machine.withdraw("clock")
            try await eventually("the deletion is held back") {
                try await machine.client.sources().first?.heldPrunes == [machine.key("clock")]
            }
            _ = try await machine.client.confirmPrune()
            try await machine.vanishes("clock")
            #expect(machine.processes().isEmpty)
        }
    }

    @Test func `a version that is not wanted, and a field that the schema has not, are told at Validating`()
        async throws
    {
        try await Machine.with { machine in
            try await machine.daemon(["--plugin-dir", try plugins(machine)])
            try machine.place(manifest("1.0.0", requirement: ">=2.0.0"), "clock.yaml")
            try await machine.reaches("clock", "is refused for its plugin's version") {
                $0.phase == .failed && $0.summary.contains("asks for >=2.0.0, and plugin interval is 1.0.0")
            }
            try machine.place(manifest("1.0.0", config: "{seconds: 0, minutes: 1}"), "clock.yaml")
            try await machine.reaches("clock", "is refused for its config") {
                $0.phase == .failed && $0.summary.contains("spec.runtime.config.minutes: is not a field")
                    && $0.summary.contains("spec.runtime.config.seconds: is less than 1")
            }
            try machine.place(manifest("1.0.0"), "clock.yaml")
            try await machine.reaches("clock", "runs") {
                $0.isReady && $0.instance?.pid != nil
            }
        }
    }

    @Test func `an executable that is refused is shown with why, until it is mended`() async throws {
        try await Machine.with { machine in
            let directory = try plugins(machine)
            let path = directory + "/era-plugin-interval"
            chmod(path, 0o777)
            try write("#!/bin/sh\necho nonsense\n", to: directory + "/era-plugin-broken", mode: 0o755)
            chmod(directory + "/era-plugin-broken", 0o755)
            try await machine.daemon(["--plugin-dir", directory])
            let list = try await machine.era("plugins").output.split(separator: "\n").map(String.init)
            let refused = list.filter { $0.contains(" refused ") }
            #expect(refused.count == 2 && list.contains { $0.hasPrefix("process ") }, "\(list)")
            #expect(
                refused[0].contains("era-plugin-broken cannot describe itself") && refused[0].contains("JSON")
            )
            #expect(refused[1].contains("\(path) may be written by others"))
            let json = try await machine.era("plugins", "-o", "json").output
            #expect(json.contains(#""refused": "may be written by others"#), "\(json)")
            let doctor = try await machine.era("doctor").output
            #expect(
                doctor.contains("plugin interval") && doctor.contains("not used: \(path) may be"),
                "\(doctor)"
            )
            let described = try await machine.era("plugins", "describe", "interval")
            #expect(described.code == 1 && described.error.contains("cannot be used: \(path) may be written"))
            chmod(path, 0o755)
            try await eventually("the plugin is used") {
                try await machine.era("plugins", "describe", "interval").code == 0
            }
        }
    }

    @Test func `era plugins test passes what is good, and says what is not`() async throws {
        try await Machine.with { machine in
            let directory = try plugins(machine)
            let path = directory + "/era-plugin-interval"
            let good = try await machine.era([
                "plugins", "test", path, "--check", "install-twice", "--check", "garbage",
            ])
            #expect(good.code == 0 && good.output.contains("interval 1.0.0: 2 passed, 0 failed, 0 skipped"))
            #expect(!good.output.contains("FAIL"))
            let builtIn = try await machine.era(
                "plugins",
                "test",
                "process",
                "--check",
                "start-twice",
                "-o",
                "json"
            )
            #expect(builtIn.code == 0 && builtIn.output.contains(#""passed": true"#), "\(builtIn)")
            try put(machine) { $0.replacing("    rm -f installed\n", with: "    rm installed\n") }
            let bad = try await machine.era(
                "plugins",
                "test",
                path,
                "--check",
                "interrupted-install",
                "-o",
                "junit"
            )
            #expect(bad.code == 1 && bad.output.contains("<failure message="), "\(bad)")
            let nothing = try await machine.era("plugins", "test", "nonsense")
            #expect(nothing.code == 1 && nothing.error.contains("name an executable era-plugin-NAME"))
            let misspelt = try await machine.era("plugins", "test", path, "--check", "garbag")
            #expect(misspelt.code == 2)
        }
    }

    @Test(.enabled(if: ImageRegistry.isPossible, "needs root and: apt-get install runc busybox-static"))
    func `era plugins test takes the image for a container from the store, and asks no registry`()
        async throws
    {
        try await Machine.with { machine in
            let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
            let image = "\(machine.root)/image.tar"
            let arguments = ["\(root)/samples/image.sh", "registry.invalid/busybox:1", image, "/bin/busybox"]
            let end = try await machine.program("/bin/sh", arguments).wait(within: .seconds(30))
            try #require(end == .code(0))
            let manifest = """
                apiVersion: era.dev/v1
                kind: Deployment
                metadata: {name: busybox}
                spec:
                  version: 1.0.0
                  runtime: {plugin: container}
                  artifact: {source: "oci://registry.invalid/busybox:1"}
                  args: [sleep, "1000"]
                  stop: {grace: 1s}
                """
            try write(manifest, to: "\(machine.root)/busybox.yaml")
            func check() async throws -> Machine.Outcome {
                try await machine.era(
                    "plugins",
                    "test",
                    "container",
                    "--manifest",
                    "\(machine.root)/busybox.yaml",
                    "--check",
                    "start-twice",
                    "--data-dir",
                    machine.data
                )
            }
            let none = try await check()
            #expect(none.code == 1 && none.error.contains("--data-dir"), "\(none.error)")
            mkdir("\(machine.data)/artifacts", 0o700)
            let missing = try await check()
            #expect(missing.code == 1 && missing.error.contains("era artifact import"), "\(missing.error)")
            let imported = try await machine.era("artifact", "import", image, "--data-dir", machine.data)
            try #require(imported.code == 0, "\(imported.error)")
            let passed = try await check()
            #expect(
                passed.code == 0 && passed.output.contains("1 passed, 0 failed"),
                "\(passed.output)\(passed.error)"
            )
        }
    }
}
