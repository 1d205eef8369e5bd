internal import ERAContracts
internal import ERACore
internal import ERARuntime
internal import Glibc

/// One check's instance, with what the checks do to it again and again.
struct Trial: Sendable {
    let suite: ConformanceSuite
    let plugin: any RuntimePlugin
    let spec: DeploymentSpec
    /// In the environment of every process of the instance.
    let token: String
    /// The secret that must show up nowhere.
    let secret: String
    private let check: String

    init(suite: ConformanceSuite, check: String, plugin: any RuntimePlugin, spec: DeploymentSpec) {
        self.suite = suite
        self.check = check
        self.plugin = plugin
        self.spec = spec
        token = "era-conformance-\(UInt64.random(in: .min ... .max))"
        secret = "secret-\(UInt64.random(in: .min ... .max))"
    }

    var external: ExternalPlugin? { plugin as? ExternalPlugin }

    func instance(_ revision: Int = 1) -> PreparedInstance {
        let key = DeploymentKey(
            namespace: NamespaceName(checked: "conformance"),
            name: DeploymentName(checked: check)
        )
        let id = InstanceID(key, RevisionNumber(revision))
        let directory = "\(suite.subject.dataDirectory)/instances/\(id)"
        var made = ""
        for part in directory.split(separator: "/") {
            made += "/\(part)"
            mkdir(made, 0o700)
        }
        let declared = spec.env.compactMap { variable -> (name: String, value: SecretText)? in
            guard case .value(let text) = variable.source else { return nil }
            return (variable.name, SecretText(text))
        }
        let own = [("ERA_CONFORMANCE", token), ("ERA_CONFORMANCE_SECRET", secret)]
        return PreparedInstance(
            id: id,
            spec: spec,
            directory: directory,
            artifact: suite.subject.artifact,
            environment: declared + own.map { (name: $0.0, value: SecretText($0.1)) }
        )
    }

    /// Another object for the same plugin: what it kept in memory is gone.
    func restarted() async throws -> any RuntimePlugin { try await suite.subject.makePlugin() }

    // MARK: Steps

    /// Installs and starts the instance, and waits until it runs.
    @discardableResult
    func run(_ revision: Int = 1) async throws -> InstanceStatus.Running {
        let instance = instance(revision)
        let handle = try await plugin.install(instance)
        try await plugin.start(instance, handle: handle)
        return try await running(revision)
    }

    func status(_ revision: Int = 1) async throws -> InstanceStatus {
        try await plugin.status(instance(revision).id)
    }

    /// Waits until it runs.
    func running(_ revision: Int = 1) async throws -> InstanceStatus.Running {
        let limit = ContinuousClock.now + ConformanceSuite.startLimit
        var last = InstanceStatus.absent
        while ContinuousClock.now < limit {
            last = try await status(revision)
            if case .running(let running) = last { return running }
            if case .exited(let exited) = last {
                throw Broken("after start the status is exited (\(exited.status)), and should be running")
            }
            try await pause(.milliseconds(50))
        }
        throw Broken("after start the status is \(last.word), and should be running")
    }

    /// Waits until what runs has started all that it starts: nothing has come for a while.
    func settled() async throws {
        let limit = ContinuousClock.now + ConformanceSuite.startLimit
        var last = MarkedProcesses.all(token)
        var calm = 0
        // More than a second: some run what they are given once a second.
        while calm < 30, ContinuousClock.now < limit {
            try await pause(.milliseconds(50))
            let now = MarkedProcesses.all(token)
            calm = now == last ? calm + 1 : 0
            last = now
        }
    }

    func stop(_ revision: Int = 1) async throws { try await plugin.stop(instance(revision).id, spec.stop) }

    func delete(_ revision: Int = 1) async throws { try await plugin.delete(instance(revision).id) }

    func pause(_ duration: Duration) async throws { try await suite.clock.sleep(for: duration) }

    /// Runs a verb and cuts it off; with a plugin of others, kills its process.
    func cutOff(after delay: Duration, _ verb: @escaping @Sendable () async throws -> Void) async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                // What a verb that is cut off throws says nothing.
                try? await verb()
            }
            group.addTask {
                // It ends early only where the suite is cut off itself.
                try? await suite.clock.sleep(for: delay)
            }
            await group.next()
            group.cancelAll()
        }
    }

    // MARK: What must hold

    func expectStatus(_ words: String..., revision: Int = 1, after what: String) async throws {
        let status = try await status(revision).word
        try expect(
            words.contains(status),
            "after \(what) the status is \(status), and should be \(words.joined(separator: " or "))"
        )
    }

    /// No process has the instance's environment any more.
    func expectNothingRuns(after what: String) throws {
        let left = MarkedProcesses.all(token)
        try expect(left.isEmpty, "after \(what) there still is \(MarkedProcesses.shown(left))")
        // What cannot be told by the environment, the status may tell.
    }

    /// Ends whatever the check left.
    ///
    /// - Returns: What could not be ended, as a sentence.
    func cleanUp() async -> String? {
        var problem: String?
        for revision in [1, 2] {
            let id = instance(revision).id
            do {
                try await plugin.stop(id, StopSpec(signal: .kill, grace: .zero))
                try await plugin.delete(id)
            } catch {
                problem = "cleaning up after the check failed: \(ConformanceSuite.text(error))"
            }
        }
        for pid in MarkedProcesses.all(token) { kill(pid, SIGKILL) }
        return problem
    }
}

extension InstanceStatus {
    /// As plugins call it.
    var word: String {
        switch self {
        case .absent: "absent"
        case .installed: "installed"
        case .running: "running"
        case .exited: "exited"
        case .stopping: "stopping"
        }
    }
}
