import ERAAPI
import ERAClient
import ERACore
import Glibc
import Testing

/// A process as /proc shows it.
struct Process: Hashable, Sendable {
    var pid: pid_t
    /// In clock ticks since boot: with the number, an identity.
    var startTime: UInt64
    var command: String
    /// The working directory.
    var directory: String

    var isShim: Bool { command.hasPrefix("era-shim") }

    /// Reads a process; nil where there is none, or only what is left of one.
    init?(_ pid: pid_t) {
        let stat = text(of: "/proc/\(pid)/stat")
        guard let begin = stat.firstIndex(of: "("), let end = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        guard fields.count > 19, fields[0] != "Z", fields[0] != "X", let time = UInt64(fields[19]) else {
            return nil
        }
        self.pid = pid
        startTime = time
        command = String(stat[stat.index(after: begin)..<end])
        directory = target(ofLink: "/proc/\(pid)/cwd") ?? ""
    }

    /// Whether this very process still runs.
    var isAlive: Bool { Process(pid)?.startTime == startTime }
}

extension Machine {
    /// Every shim and every workload of this machine, found without asking it.
    func processes() -> [Process] {
        names(in: "/proc").compactMap { pid_t($0) }.compactMap(Process.init).filter { process in
            if process.directory.hasPrefix(root + "/") { return true }
            guard process.isShim else { return false }
            return names(in: "/proc/\(process.pid)/fd").contains {
                target(ofLink: "/proc/\(process.pid)/fd/\($0)")?.hasPrefix(root + "/") ?? false
            }
        }
    }

    /// Every process in a container of this machine: it has a mount of one of its instances.
    func contained() -> [Process] {
        names(in: "/proc").compactMap { pid_t($0) }.compactMap(Process.init).filter {
            text(of: "/proc/\($0.pid)/mountinfo").contains("\(root)/data/instances/")
        }
    }

    /// The processes of a deployment's instances, shims left out.
    func workloads(_ name: String) -> [Process] {
        processes().filter { process in
            // Some servers change to the directory of their data.
            let places = ["\(data)/instances/default/\(name)/", "\(data)/volumes/default/\(name)/"]
            return !process.isShim && places.contains { process.directory.hasPrefix($0) }
        }
    }

    /// The shims of a deployment.
    func shims(_ name: String) -> [Process] {
        processes().filter { shim in
            shim.isShim
                && names(in: "/proc/\(shim.pid)/fd").contains {
                    target(ofLink: "/proc/\(shim.pid)/fd/\($0)")?
                        .hasPrefix("\(data)/instances/default/\(name)/") ?? false
                }
        }
    }

    /// The deployment as the daemon shows it; nil where there is none, or no daemon.
    func deployment(_ name: String) async -> DeploymentObject? {
        guard let name = DeploymentName(rawValue: name) else { return nil }
        // Without a daemon nothing is known, which is an answer here.
        return try? await client.get(DeploymentKey(name: name))
    }

    func key(_ name: String) throws -> DeploymentKey { DeploymentKey(name: try DeploymentName(name)) }

    /// Waits until a deployment is as described.
    @discardableResult
    func reaches(
        _ name: String,
        _ what: String,
        within limit: Duration = .seconds(90),
        _ isSo: (DeploymentObject) -> Bool
    ) async throws -> DeploymentObject {
        var found: DeploymentObject?
        try await eventually("\(name) \(what)", within: limit) {
            found = await deployment(name)
            return found.map(isSo) ?? false
        } otherwise: {
            "It is \(found.map { "\($0.phaseText) \($0.version ?? "-") \($0.summary)" } ?? "unknown")"
        }
        guard let found else { throw Trouble("no \(name)") }
        return found
    }

    /// Waits until a version serves as declared, and says which process it is.
    @discardableResult
    func runs(_ app: App) async throws -> Process {
        let object = try await reaches(app.name, "runs \(app.version)") {
            $0.isReady && $0.version == app.version && $0.phase == .running && $0.instance?.pid != nil
        }
        guard let process = object.instance?.pid.flatMap(Process.init) else {
            throw Trouble(
                "\(app.name) is Running, and its process \(object.instance?.pid ?? -1) is not there"
            )
        }
        return process
    }

    /// Waits until a deployment is gone, and holds that it has left nothing.
    func vanishes(_ name: String, retainsVolumes: Bool = false) async throws {
        try await eventually("\(name) is deleted") {
            guard try await isReady(), await deployment(name) == nil else { return false }
            return workloads(name).isEmpty && shims(name).isEmpty
        } otherwise: {
            "It is \(await deployment(name)?.phaseText ?? "gone"), with \(workloads(name)) \(shims(name))"
        }
        #expect(!exists("\(data)/instances/default/\(name)"))
        #expect(retainsVolumes || !exists("\(data)/volumes/default/\(name)"))
    }

    /// Removes the manifest of the directory's last deployment, confirms that, and holds that nothing is
    /// left.
    func removes(_ name: String) async throws {
        withdraw(name)
        try await eventually("the deletion of \(name) is confirmed") {
            _ = try await era("prune", "--confirm")
            return await deployment(name) == nil
        }
        try await vanishes(name)
        #expect(contained().isEmpty)
    }

    /// Puts a secret into the directory of secrets.
    func keep(secret name: String, _ values: [String: String]) throws {
        for path in ["\(secrets)/default", "\(secrets)/default/\(name)"] { mkdir(path, 0o700) }
        for (key, value) in values { try write(value, to: "\(secrets)/default/\(name)/\(key)") }
    }

    /// Holds that what runs is what should: one process for each app, in the version that serves, known to
    /// the daemon, and nothing else.
    ///
    /// - Parameter apps: Each in the version that must serve.
    func holds(_ apps: [App], _ location: SourceLocation = #_sourceLocation) async throws {
        let objects = try await client.list().items
        #expect(
            Set(objects.map(\.name)) == Set(apps.map(\.name)),
            "the deployments that are known",
            sourceLocation: location
        )
        for app in apps {
            let pids = workloads(app.name).map(\.pid)
            let known = objects.first { $0.name == app.name }?.instance?.pid
            #expect(
                pids == [known ?? -1],
                "\(app.name): the only process is the one that is known",
                sourceLocation: location
            )
            let greeting = Greeting(await ask(app.port).body)
            #expect(greeting?.version == app.version, "\(app.name)", sourceLocation: location)
            #expect(greeting?.pid == known, "\(app.name)", sourceLocation: location)
        }
        let declared = Set(apps.map { "\(data)/instances/default/\($0.name)/" })
        let strangers = processes().filter { process in
            !process.isShim && process.directory.hasPrefix(data)
                && !declared.contains { process.directory.hasPrefix($0) }
        }
        #expect(strangers.isEmpty, "no process belongs to nothing", sourceLocation: location)
        let shimCount = processes().count(where: \.isShim)
        #expect(shimCount == apps.count, "one shim for each app", sourceLocation: location)
        let left = Set(names(in: "\(data)/instances/default"))
        #expect(left == Set(apps.map(\.name)), "directories of instances", sourceLocation: location)
    }
}
