public import ERAContracts
public import ERACore
internal import ERARuntime
internal import Glibc

/// The checks that every runtime plugin passes, those of this program and those of others: docs/plugins.md,
/// "Testing it".
public struct ConformanceSuite: Sendable {
    /// The plugin under test, and what it is to run.
    public struct Subject: Sendable {
        /// The name by which it was given.
        public var name: String
        /// Makes the plugin anew, as after a restart of ERA: nothing in memory is left.
        public var makePlugin: @Sendable () async throws -> any RuntimePlugin
        /// The deployment to play with; nil for the suite's own.
        public var spec: DeploymentSpec?
        public var artifact: StoredArtifact?
        /// Absolute; a directory that is the suite's alone, and that the plugin has as its data directory.
        public var dataDirectory: String

        public init(
            name: String,
            dataDirectory: String,
            spec: DeploymentSpec? = nil,
            artifact: StoredArtifact? = nil,
            makePlugin: @escaping @Sendable () async throws -> any RuntimePlugin
        ) {
            self.name = name
            self.dataDirectory = dataDirectory
            self.spec = spec
            self.artifact = artifact
            self.makePlugin = makePlugin
        }
    }

    /// How long an instance may take to run.
    static let startLimit = Duration.seconds(60)

    let subject: Subject
    let clock: any Clock<Duration>

    public init(_ subject: Subject, clock: any Clock<Duration> = ContinuousClock()) {
        self.subject = subject
        self.clock = clock
    }

    /// What is checked, in order: the name, and what must hold.
    public static var checks: [(id: String, title: String)] { Check.all.map { ($0.id, $0.title) } }

    /// Runs all checks, one after the other. What a check leaves running is ended after it.
    ///
    /// - Parameter only: The names of the checks to run; nil for all.
    /// - Parameter progress: Told what came of each.
    public func run(
        only: Set<String>? = nil,
        progress: @Sendable (ConformanceReport.Entry) -> Void = { _ in }
    ) async -> ConformanceReport {
        var report = ConformanceReport(subject: subject.name, plugin: nil, entries: [])
        var made: (plugin: any RuntimePlugin, spec: DeploymentSpec)?
        var problem: String?
        do {
            let plugin = try await subject.makePlugin()
            report.plugin = "\(plugin.description.name) \(plugin.description.version)"
            made = (plugin, try subject.spec ?? Self.ownSpec(for: plugin.description))
        } catch {
            problem = "it cannot be used: \(Self.text(error))"
        }
        for check in Check.all where only?.contains(check.id) != false {
            let begunAt = ContinuousClock.now
            var result = ConformanceReport.Entry.Result.skipped("not run, since it cannot be used")
            if let made {
                let trial = Trial(suite: self, check: check.id, plugin: made.plugin, spec: made.spec)
                result = await Self.result(of: check, trial)
                if let left = await trial.cleanUp(), result == .passed { result = .failed(left) }
            } else if let why = problem {
                result = .failed(why)
                problem = nil
            }
            let entry = ConformanceReport.Entry(
                id: check.id,
                title: check.title,
                result: result,
                duration: ContinuousClock.now - begunAt
            )
            report.entries.append(entry)
            progress(entry)
        }
        return report
    }

    private static func result(of check: Check, _ trial: Trial) async -> ConformanceReport.Entry.Result {
        do {
            try await check.body(trial)
            return .passed
        } catch let skip as Skip {
            return .skipped(skip.why)
        } catch {
            return .failed(text(error))
        }
    }

    static func text(_ error: any Error) -> String {
        if let failure = error as? Failure { return failure.message }
        if error is CancellationError { return "the call was cut off" }
        return "\(error)"
    }

    /// A shell that ignores SIGTERM and leaves a child in a session of its own.
    private static func ownSpec(for plugin: PluginDescription) throws -> DeploymentSpec {
        let schema: ConfigSchema
        do throws(InvalidConfigSchema) {
            schema = try ConfigSchema(plugin.configSchema)
        } catch {
            throw Broken("\(error)")
        }
        return DeploymentSpec(
            version: SemanticVersion(major: 1, minor: 0, patch: 0),
            runtime: RuntimeSpec(plugin: plugin.name, config: schema.example),
            command: [
                "/bin/sh", "-c",
                "trap '' TERM; echo \"line of $ERA_CONFORMANCE\"; (setsid sleep 3600 &); while :; do sleep 3600; done",
            ],
            stop: StopSpec(signal: .term, grace: .milliseconds(500))
        )
    }
}

/// What does not hold, as a sentence.
struct Broken: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// A check that does not concern this plugin.
struct Skip: Error {
    let why: String
    init(_ why: String) { self.why = why }
}

/// One check: what must hold, and how that is found out.
struct Check: Sendable {
    let id: String
    let title: String
    /// Throws ``Broken`` where it does not hold; any other error counts as that, too.
    let body: @Sendable (Trial) async throws -> Void

    init(_ id: String, _ title: String, _ body: @escaping @Sendable (Trial) async throws -> Void) {
        self.id = id
        self.title = title
        self.body = body
    }

    static let all = life + interruptions + memory + protocolChecks
}

/// - Throws: ``Broken`` unless it holds.
func expect(_ holds: Bool, _ otherwise: @autoclosure () -> String) throws {
    guard holds else { throw Broken(otherwise()) }
}
