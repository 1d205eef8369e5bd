import ERAContracts
import ERACore
import Glibc
import Testing

@testable import ERARuntime

@Suite struct ProcessLogTests {
    @Test func `each line has its time, its stream and whether it is whole`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let instance = try host.instance("echo out; echo err >&2; echo; printf 'no end'")
            try await host.run(instance, plugin)
            _ = try await plugin.exit(instance.id)
            let lines = text(of: instance.directory + "/log/output.log").split(separator: "\n").map(
                String.init
            )
            let form = /20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z (stdout|stderr) [FP] .*/
            #expect(lines.count == 4)
            #expect(lines.allSatisfy { $0.wholeMatch(of: form) != nil })
            #expect(
                Set(lines.map { String($0.dropFirst(31)) }) == [
                    "stdout F out", "stderr F err", "stdout F ", "stdout F no end",
                ]
            )
            let output = try await plugin.output(instance.id, LogRequest(timestamps: true))
            #expect(output.split(separator: "\n").allSatisfy { $0.wholeMatch(of: /20\S+Z .*/) != nil })
        }
    }

    @Test func `what an instance said can be read after it was removed`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let instance = try host.instance("echo why; exit 3")
            try await host.run(instance, plugin)
            _ = try await plugin.exit(instance.id)
            try await plugin.delete(instance.id)
            #expect(try await plugin.status(instance.id) == .absent)
            #expect(try await plugin.output(instance.id, LogRequest()) == "why\n")
        }
    }

    @Test func `a line that is too long comes in parts and is read as one`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let instance = try host.instance("head -c 50000 /dev/zero | tr '\\0' x; echo; echo next")
            try await host.run(instance, plugin)
            _ = try await plugin.exit(instance.id)
            #expect(text(of: instance.directory + "/log/output.log").contains(" stdout P xxx"))
            #expect(
                try await plugin.output(instance.id) == String(repeating: "x", count: 50_000) + "\nnext\n"
            )
        }
    }

    @Test func `a flood is rotated, its newest part kept, and read in order`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let instance = try host.instance("seq 1 20000") {
                $0.runtime.config = ["logMaxSize": "64Ki", "logMaxFiles": 3]
            }
            try await host.run(instance, plugin)
            _ = try await plugin.exit(instance.id)
            let files = namesInDirectory(instance.directory + "/log").sorted()
            #expect(files == ["output.log", "output.log.1", "output.log.2"])
            for file in files {
                #expect(
                    (readSmallFile(instance.directory + "/log/" + file, limit: 1 << 20)?.count ?? 0) <= 64
                        << 10
                )
            }
            let numbers = try await plugin.output(instance.id).split(separator: "\n").compactMap { Int($0) }
            #expect(numbers.last == 20_000)
            let gaps = zip(numbers, numbers.dropFirst()).filter { $0 + 1 != $1 }
            #expect(gaps.isEmpty)
        }
    }

    @Test(arguments: [0, 1, 3, 2000, 100_000])
    func `the last lines are found across files`(count: Int) async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let instance = try host.instance("seq 1 5000") {
                $0.runtime.config = ["logMaxSize": "64Ki", "logMaxFiles": 100]
            }
            try await host.run(instance, plugin)
            _ = try await plugin.exit(instance.id)
            let output = try await plugin.output(instance.id, LogRequest(tailLines: count))
            let expected = (5001 - min(count, 5000)..<5001).map { "\($0)\n" }.joined()
            #expect(output == expected)
        }
    }

    @Test func `a follower sees every line while the log is rotated, and ends when it stops`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let instance = try host.instance(
                "for i in $(seq 1 60); do seq $((i*100-99)) $((i*100)); sleep 0.01; done; exec sleep 1000"
            ) {
                $0.runtime.config = ["logMaxSize": "64Ki", "logMaxFiles": 50]
            }
            try await host.run(instance, plugin)
            let follower = Task {
                var text = ""
                for try await chunk in plugin.logs(instance.id, LogRequest(follow: true)) {
                    text += String(decoding: chunk, as: UTF8.self)
                    if text.hasSuffix("\n6000\n") { break }
                }
                return text
            }
            #expect(try await follower.value == (1...6000).map { "\($0)\n" }.joined())
            let endless = Task {
                for try await _ in plugin.logs(instance.id, LogRequest(tailLines: 0, follow: true)) {}
            }
            try await Task.sleep(for: .milliseconds(20))
            endless.cancel()
            try await endless.value
        }
    }

    @Test func `a full disk never stops the workload, and the log says what was lost`() async throws {
        guard geteuid() == 0 else { return }
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let instance = try host.instance("seq 1 40000; echo done > done; read line < gate; echo after")
            let handle = try await plugin.install(instance)
            mkfifo(host.file(instance, "gate"), 0o600)
            let log = instance.directory + "/log"
            mkdir(log, 0o700)
            try #require(mount("tmpfs", log, "tmpfs", 0, "size=128k") == 0)
            defer { umount2(log, 2) }
            try await plugin.start(instance, handle: handle)
            try await eventually("the workload wrote everything") {
                text(of: host.file(instance, "done")) == "done\n"
            }
            let kept = text(of: log + "/output.log")
            #expect(kept.hasSuffix("\n"))
            #expect(mount("tmpfs", log, "tmpfs", 32, "size=16m") == 0)
            write("go\n", to: host.file(instance, "gate"))
            #expect(try await plugin.exit(instance.id) == .code(0))
            let output = try await plugin.output(instance.id)
            #expect(output.contains("lines were lost here"))
            #expect(output.hasSuffix("after\n"))
            #expect(!output.contains("40000"))
        }
    }

    @Test func `there are no logs of what never ran, and hostile lines are left out`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let instance = try host.instance("exit 0")
            #expect(try await plugin.output(instance.id) == "")
            _ = try await plugin.install(instance)
            mkdir(instance.directory + "/log", 0o700)
            let lines = "\n\nx\n2026-01-01T00:00:00.000000000Z stdout F good\n\u{0}\u{1} \nunfinished"
            write(lines, to: instance.directory + "/log/output.log")
            #expect(try await plugin.output(instance.id) == "good\n")
        }
    }
}
