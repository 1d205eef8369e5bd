import ERAContracts
import ERACore
import Glibc
import Testing

@testable import ERARuntime

/// One walk over the processes of the machine answers all who ask for it at the same time.
@Suite struct ProcessCensusTests {
    @Test func `who asked before a look began shares it, who asks later gets a later one`() async throws {
        let census = ProcessCensus()
        for _ in 0..<100 { _ = try await census.entries(after: 0) }
        #expect(await census.count == 1)
        for _ in 0..<100 { _ = try await census.entries(after: 1) }
        #expect(await census.count == 2)
        // An earlier asker may have what a later one has.
        _ = try await census.entries(after: 0)
        #expect(await census.count == 2)
        _ = try await census.entries()
        #expect(await census.count == 3)
    }

    @Test func `a process is seen with its group and the mark of its instance, until it ends`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let instance = try host.instance("exec sleep 1000")
            try await host.run(instance, plugin)
            let pid = try #require(try await plugin.status(instance.id).pid)
            let census = ProcessCensus()
            let entry = try #require(try await census.entries().first { $0.identity.pid == pid })
            #expect(entry.group == pid)
            #expect(entry.marker == plugin.host.shims.place(instance.id).name)
            #expect(entry.identity == host.record(instance)?.workload)
            // Another process that never was of any instance.
            #expect(try await census.entries().contains { $0.marker == nil })
            try await plugin.stop(instance.id, StopSpec(signal: .kill, grace: .zero))
            #expect(try await census.entries().contains { $0.identity.pid == pid } == false)
        }
    }

    @Test func `when all shims are dead, all that they left ends`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            var workloads: [ProcessIdentity] = []
            var ids: [InstanceID] = []
            for number in 0..<12 {
                // What it leaves behind is in another session: only the mark tells whose it is.
                let instance = try host.instance(
                    "setsid sleep 1000 & echo $! > pid; exec sleep 1000",
                    name: "app-\(number)"
                )
                try await host.run(instance, plugin)
                try await eventually("it has written a pid") {
                    Int32(text(of: host.file(instance, "pid")).filter(\.isNumber)) != nil
                }
                let left = try #require(Int32(text(of: host.file(instance, "pid")).filter(\.isNumber)))
                let record = try #require(host.record(instance))
                workloads.append(try #require(record.workload))
                if let stat = ProcessStat(pid: left) {
                    workloads.append(ProcessIdentity(pid: left, startTime: stat.startTime))
                }
                record.shim.signal(SIGKILL)
                try await eventually("the shim is gone") { !record.shim.isAlive }
                ids.append(instance.id)
            }
            let later = host.plugin()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for id in ids {
                    group.addTask { try await later.stop(id, StopSpec(signal: .kill, grace: .zero)) }
                }
                try await group.waitForAll()
            }
            #expect(workloads.allSatisfy { !$0.isAlive })
        }
    }
}
