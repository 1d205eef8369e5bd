import ERAContracts
import ERACore
import Glibc
import Testing

@testable import ERARuntime

/// Too few descriptors or processes: a reason to try again later, and nothing is lost or left meanwhile.
///
/// Each test that lowers a limit does so in a process of its own.
@Suite(.serialized) struct SpawnFaultTests {
    // reliability.md: "EMFILE, fork EAGAIN: back off, no descriptor leak".
    @Test
    func `without descriptors nothing starts, nothing leaks, nothing seems stopped, and all goes on later`()
        async
    {
        await #expect(processExitsWith: .success) {
            try await ProcessHost.with { host in
                let plugin = host.plugin()
                let running = try host.instance("exec sleep 1000", name: "running")
                try await host.run(running, plugin)
                let pid = try #require(try await plugin.status(running.id).pid)
                let instance = try host.instance("exec sleep 1000")
                try await host.run(instance, plugin)
                try await plugin.stop(instance.id, StopSpec(signal: .kill, grace: .zero))
                let handle = try await plugin.install(instance)

                let before = Descriptors.open
                for spare in 0..<12 {
                    let limit = Descriptors.number(after: spare)
                    let former = Limit.files.lower(to: limit)
                    let failure = await #expect(throws: Failure.self, "\(spare) descriptors are too few") {
                        try await plugin.start(instance, handle: handle)
                    }
                    #expect(failure?.persistence == .transient, "\(spare): \(failure?.message ?? "")")
                    // Who knows nothing yet may fail to find out, but must not find out the wrong thing.
                    do {
                        #expect(try await host.plugin().status(running.id).pid == pid, "\(spare)")
                    } catch let failure as Failure {
                        #expect(failure.persistence == .transient)
                    }
                    Limit.files.set(former)
                }
                // libdispatch keeps one or two of its own from its first timer on; a leak is one each time.
                try await eventually("all descriptors are closed") { Descriptors.open <= before + 2 }
                #expect(try await plugin.status(instance.id) == .installed)
                try await plugin.start(instance, handle: handle)
                #expect(try await plugin.status(instance.id).pid != nil)
                #expect(try await plugin.status(running.id).pid == pid)
            }
        }
    }

    @Test func `without descriptors what a dead shim left is not taken for gone`() async {
        await #expect(processExitsWith: .success) {
            try await ProcessHost.with { host in
                let plugin = host.plugin()
                let instance = try host.instance("exec sleep 1000")
                try await host.run(instance, plugin)
                let record = try #require(host.record(instance))
                let workload = try #require(record.workload)
                record.shim.signal(SIGKILL)
                try await eventually("the shim is gone") { !record.shim.isAlive }
                let stop = StopSpec(signal: .kill, grace: .zero)
                for spare in 0..<4 {
                    let other = host.plugin()
                    let limit = Descriptors.number(after: spare)
                    let former = Limit.files.lower(to: limit)
                    do {
                        #expect(try await other.status(instance.id).pid == workload.pid, "\(spare)")
                    } catch let failure as Failure {
                        #expect(failure.persistence == .transient)
                    }
                    // With few it may come through; to say so without having done it would be a lie.
                    if spare < 2 {
                        await #expect(throws: Failure.self) { try await other.stop(instance.id, stop) }
                    }
                    Limit.files.set(former)
                    if spare < 2 { #expect(workload.isAlive) }
                }
                try await host.plugin().stop(instance.id, stop)
                #expect(!workload.isAlive)
            }
        }
    }

    @Test func `without processes nothing starts, nothing leaks, and all goes on later`() async {
        await #expect(processExitsWith: .success) {
            try await ProcessHost.with { host in
                // The limit does not count for root; the shim must be where anybody may run it.
                let shim = host.root + "/era-shim"
                write(readSmallFile(ProcessHost.shimPath, limit: 1 << 26) ?? [], to: shim)
                chmod(shim, 0o755)
                makeDirectories(host.dataDirectory)
                if geteuid() == 0 {
                    for path in [host.root, host.dataDirectory] { chown(path, 54_321, 54_321) }
                    try #require(setgid(54_321) == 0 && setuid(54_321) == 0)
                }
                let plugin = host.plugin(shimPath: shim)
                let instance = try host.instance("exec sleep 1000")
                try await host.run(instance, plugin)
                try await plugin.stop(instance.id, StopSpec(signal: .kill, grace: .zero))
                let before = Descriptors.open
                let former = Limit.processes.lower(to: 1)
                for _ in 0..<10 {
                    let failure = await #expect(throws: Failure.self) { try await host.run(instance, plugin) }
                    #expect(failure?.persistence == .transient)
                    #expect(failure?.message.contains("TasksMax") == true, "\(failure?.message ?? "")")
                }
                Limit.processes.set(former)
                // libdispatch keeps one or two of its own from its first timer on; a leak is one each time.
                try await eventually("all descriptors are closed") { Descriptors.open <= before + 2 }
                try await host.run(instance, plugin)
                #expect(try await plugin.status(instance.id).pid != nil)
            }
        }
    }

    @Test(.enabled(if: geteuid() == 0, "only root starts workloads of another user"))
    func `a user that may have no more processes is a reason to try again, and no end of the deployment`()
        async throws
    {
        try await ProcessHost.with { host in
            chmod(host.root, 0o711)
            let plugin = host.plugin()
            // A user that nobody else of the machine is.
            let user = "54322"
            let script = "sleep 1000 & echo up; exec sleep 1000"
            let first = try host.instance(script, name: "first") { $0.user = user }
            for path in [host.dataDirectory, "\(host.dataDirectory)/instances"] { chmod(path, 0o711) }
            try await host.run(first, plugin)
            try await eventually("it has two processes") {
                try await plugin.output(first.id).contains("up")
            }
            let second = try host.instance("exec sleep 1000", name: "second") {
                $0.user = user
                $0.runtime.config = ["rlimits": ["nproc": 1]]
            }
            // execve(2) fails with EAGAIN: between the shim's fork and the program, where only a shim comes.
            let failure = await #expect(throws: Failure.self) { try await host.run(second, plugin) }
            #expect(failure?.persistence == .transient)
            #expect(failure?.message.contains("TasksMax") == true, "\(failure?.message ?? "")")
            #expect(try await plugin.status(second.id) == .installed)
            try await plugin.stop(first.id, StopSpec(signal: .kill, grace: .zero))
            try await host.run(second, plugin)
            #expect(try await plugin.status(second.id).pid != nil)
        }
    }

    @Test(arguments: [LaunchRefusal.Stage.fork, .descriptors, .exec, .log, .state, .control, .cgroup, .mount])
    func `a shortage on the shim's side is transient wherever it is met`(_ stage: LaunchRefusal.Stage) throws
    {
        let launch = ShimLaunch(executable: "run", arguments: ["run"], environment: [], workingDirectory: "/")
        for number in [EAGAIN, EMFILE, ENFILE, ENOMEM] {
            let refusal = try #require(LaunchRefusal("failed \(stage.rawValue) \(number)"))
            #expect(failure(refusal, launch).persistence == .transient)
        }
    }

    // reliability.md: "flat over 10,000 deploys": `make soak` does so many, which takes minutes.
    @Test func `deploys leave no descriptor, thread, zombie or file behind`() async {
        await #expect(processExitsWith: .success) {
            let count = getenv("ERA_DEPLOYS").flatMap { Int(String(cString: $0)) } ?? 150
            try await ProcessHost.with { host in
                let plugin = host.plugin()
                func deploy(_ revision: Int) async throws {
                    let instance = try host.instance("exec sleep 1000", revision: revision)
                    try await host.run(instance, plugin)
                    _ = try await plugin.status(instance.id)
                    try await plugin.stop(instance.id, StopSpec(signal: .kill, grace: .zero))
                    try await plugin.delete(instance.id)
                    // The log is left for the workspace to remove, and nothing else.
                    unlink(instance.directory + "/log/output.log")
                    rmdir(instance.directory + "/log")
                    rmdir(instance.directory)
                }
                for number in 1...20 { try await deploy(number) }
                let descriptors = Descriptors.open
                let threads = namesInDirectory("/proc/self/task").count
                for number in 21...(20 + count) { try await deploy(number) }
                try await eventually("all descriptors are closed") { Descriptors.open <= descriptors }
                // Pools of threads breathe; a thread for each deployment would show.
                #expect(namesInDirectory("/proc/self/task").count <= threads + 16)
                #expect(waitpid(-1, nil, WNOHANG) == -1 && errno == ECHILD, "no child, ended or not")
                #expect(namesInDirectory(host.runDirectory + "/shims") == [])
                #expect(namesInDirectory("\(host.dataDirectory)/instances/default/app") == [])
            }
        }
    }
}
