import ERAContracts
import ERACore
import ERALinux
import Glibc
import Testing

import CLinux
@testable import ERARuntime

@Suite struct ShimProtocolTests {
    private func send(_ bytes: [UInt8], to place: ShimPlace) -> Int32 {
        let connection = era_spawn_connect(place.runDirectory, place.name)
        _ = Glibc.send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        return connection
    }

    @Test func `garbage on the control socket concerns nobody`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let instance = try host.instance("exec sleep 1000")
            try await host.run(instance, plugin)
            let pid = try await plugin.status(instance.id).pid
            let place = plugin.host.shims.place(instance.id)
            let hostile: [[UInt8]] = [
                Array(repeating: 0xFF, count: 10_000), Array("stop\n".utf8), Array("stop 99 1\n".utf8),
                Array("stop 9\n".utf8), Array("stop 99999999999999999999999 1\n".utf8),
                Array("stop -9 0\n".utf8),
                Array("\n".utf8), [0, 10], Array("stop 9 0 extra\n".utf8), Array("release\n".utf8),
                Array("statu".utf8), Array("release tcp 127.0.0.1 1\n".utf8), Array("release \n".utf8),
            ]
            var open: [Int32] = []
            for _ in 0..<4 { for bytes in hostile { open.append(send(bytes, to: place)) } }
            // More than there is room for, and none of them reads; the daemon's own connection stays.
            #expect(try await plugin.status(instance.id).pid == pid)
            for connection in open where connection >= 0 { close(connection) }
            try await Task.sleep(for: .milliseconds(50))
            #expect(try await host.plugin().status(instance.id).pid == pid)
        }
    }

    @Test func `a hung shim is reported within its time, and stopping ends it and its workload`() async throws
    {
        try await ProcessHost.with { host in
            let instance = try host.instance("exec sleep 1000")
            try await host.run(instance, host.plugin())
            let other = try host.instance("exec sleep 1000", name: "other")
            let record = try #require(host.record(instance))
            record.shim.signal(SIGSTOP)
            let plugin = host.plugin()
            try await host.run(other, plugin)
            async let failure = #expect(throws: Failure.self) { _ = try await plugin.status(instance.id) }
            let before = ContinuousClock.now
            // Meanwhile another deployment is served.
            #expect(try await plugin.status(other.id).pid != nil)
            #expect(ContinuousClock.now - before < .seconds(3))
            #expect(await failure?.code == .timeout)
            #expect(ContinuousClock.now - before < .seconds(15))
            try await plugin.stop(instance.id, StopSpec(signal: .term, grace: .milliseconds(100)))
            let workload = try #require(record.workload)
            #expect(!workload.isAlive && !record.shim.isAlive)
        }
    }

    @Test(arguments: [
        [], Array("ERASHIM1".utf8), Array("ERASHIM2x".utf8), Array(repeating: 0xFF, count: 5000),
        Array("ERASHIM1a".utf8) + [255, 255, 255, 255, 0], Array("ERASHIM1x".utf8) + [1, 0, 0, 0, 65, 66],
    ])
    func `a shim refuses a configuration that is none`(bytes: [UInt8]) async throws {
        let file = era_spawn_memory_file("test", bytes, bytes.count)
        var ours: Int32 = -1
        var theirs: Int32 = -1
        #expect(era_spawn_socket_pair(&ours, &theirs) == 0)
        let result = withCArguments([ProcessHost.shimPath]) { arguments in
            var environment: UnsafeMutablePointer<CChar>?
            return era_spawn_detached(ProcessHost.shimPath, arguments, &environment, [theirs, file, file], 3)
        }
        #expect(result == 0)
        close(theirs)
        close(file)
        var answer = [UInt8](repeating: 0, count: 64)
        var length = -1
        try await eventually("the shim answered") {
            length = recv(ours, &answer, answer.count, Int32(MSG_DONTWAIT))
            return length >= 0
        }
        close(ours)
        #expect(String(decoding: answer[..<max(0, length)], as: UTF8.self).hasPrefix("failed 1 "))
    }

    @Test(arguments: ["failed 13 2", "failed 99 5"])
    func `a refusal names stage and error`(line: String) {
        #expect(LaunchRefusal(line) != nil)
    }

    @Test(arguments: ["", "failed", "failed x 2", "failed 1", "running 1 2", "failed 1 2 3"])
    func `anything else is no refusal`(line: String) {
        #expect(LaunchRefusal(line) == nil)
    }
}
