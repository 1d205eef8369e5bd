import ERAContracts
import ERACore
import Glibc
import Testing

@testable import ERARuntime

@Suite struct ShimCostTests {
    /// In KiB. The promise is for release builds; what is allocated is the same in both.
    private static let privateMemoryLimit = 150

    @Test func `a shim has less than 150 KiB of memory of its own, also after it logged`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let instance = try host.instance("seq 1 20000; echo done > done; exec sleep 1000")
            try await host.run(instance, plugin)
            try await eventually("it wrote") { text(of: host.file(instance, "done")) == "done\n" }
            let shim = try #require(host.record(instance)?.shim.pid)
            let size = try #require(privateMemory(shim))
            print("private memory of era-shim: \(size) KiB")
            #expect(size < Self.privateMemoryLimit)
        }
    }

    /// The sum of `Private_Clean` and `Private_Dirty`, in KiB.
    private func privateMemory(_ pid: Int32) -> Int? {
        let lines = text(of: "/proc/\(pid)/smaps_rollup").split(separator: "\n")
        let sizes = lines.filter { $0.hasPrefix("Private_") }.compactMap { Int($0.filter(\.isNumber)) }
        return sizes.isEmpty ? nil : sizes.reduce(0, +)
    }

    @Test func `a start returns once the workload runs, in milliseconds`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let instance = try host.instance("") { $0.command = ["/bin/sleep", "1000"] }
            let handle = try await plugin.install(instance)
            var times: [Duration] = []
            for _ in 0..<31 {
                let begin = ContinuousClock.now
                try await plugin.start(instance, handle: handle)
                times.append(ContinuousClock.now - begin)
                let pid = try #require(try await plugin.status(instance.id).pid)
                #expect(text(of: "/proc/\(pid)/comm") == "sleep\n")
                try await plugin.stop(instance.id, StopSpec(signal: .kill, grace: .zero))
            }
            let median = times.sorted()[15]
            print("start: median \(median), least \(times.min() ?? .zero), most \(times.max() ?? .zero)")
            // A machine under load may be slow; a start that waits for a timer would not be this fast.
            #expect(median < .milliseconds(250))
        }
    }
}
