internal import ERAContracts
internal import ERACore
internal import Logging
internal import Synchronization

/// Makes calls of one executable and says what came of them in ERA's terms.
struct PluginCaller: Sendable {
    let file: PluginFile
    let options: ExternalPlugin.Options
    let talk: PluginTalk

    /// - Parameter id: The instance that the call is about, and the plugin's directory for it.
    /// - Parameter progress: Told what the plugin says of its progress, which is a sign of life then.
    /// - Returns: What it wrote to standard output.
    /// - Throws: ``Failure``, `CancellationError`.
    func call(
        _ request: PluginRequest,
        about instance: (id: InstanceID, directory: String)? = nil,
        timeout: Duration,
        progress: (@Sendable (StepProgress) -> Void)? = nil
    ) async throws -> [UInt8] {
        let call = PluginCall(
            verb: request.verb,
            input: request.bytes,
            environment: environment(instance),
            directory: instance?.directory ?? "/",
            timeout: timeout
        )
        let outcome = await run(call, progress: progress)
        return try result(of: outcome, request.verb, timeout)
    }

    func run(
        _ call: PluginCall,
        progress: (@Sendable (StepProgress) -> Void)? = nil
    ) async -> PluginCall.Outcome {
        let lines = PluginTalk.Call(verb: call.verb)
        let outcome = await call.run(file) { line in
            if let progress, let report = Self.progress(line) {
                progress(report)
                return true
            }
            talk.say(line, lines)
            return false
        }
        talk.end(lines)
        return outcome
    }

    func environment(_ instance: (id: InstanceID, directory: String)?) -> [String] {
        var environment = [
            "PATH=\(options.searchPath.joined(separator: ":"))", "LANG=C.UTF-8",
            "ERA_PLUGIN_API=\(AnswerReader.apiVersion)",
        ]
        if let instance {
            environment += [
                "ERA_NAMESPACE=\(instance.id.deployment.namespace)",
                "ERA_NAME=\(instance.id.deployment.name)",
                "ERA_REVISION=\(instance.id.revision)", "ERA_DIRECTORY=\(instance.directory)",
            ]
        }
        return environment
    }

    /// `progress DONE [TOTAL]`
    static func progress(_ line: String) -> StepProgress? {
        let words = line.split(separator: " ")
        guard words.first == "progress", (2...3).contains(words.count), let done = Int64(words[1]), done >= 0
        else { return nil }
        guard words.count == 3 else { return StepProgress(done: ByteCount(done), total: nil) }
        guard let total = Int64(words[2]), total >= done else { return nil }
        return StepProgress(done: ByteCount(done), total: ByteCount(total))
    }

    /// A reader of answers whose garbage is a failure of this plugin.
    func read<Value>(
        _ reader: @escaping ([UInt8]) throws(Garbage) -> Value
    ) -> ([UInt8]) throws -> Value {
        { bytes in
            do throws(Garbage) {
                return try reader(bytes)
            } catch {
                throw garbage(error)
            }
        }
    }

    private func garbage(_ garbage: Garbage) -> Failure {
        .permanent(.pluginFault, "\(PluginFile.prefix)\(file.name) answered what makes no sense: \(garbage)")
    }

    private func result(
        of outcome: PluginCall.Outcome,
        _ verb: String,
        _ timeout: Duration
    ) throws -> [UInt8] {
        let name = "\(PluginFile.prefix)\(file.name)"
        switch outcome.end {
        case .code(0): return outcome.output
        case .code(75): throw failure(outcome, .transient, "\(name) \(verb) failed, and may work later")
        case .code(let code):
            throw failure(outcome, .permanent, "\(name) \(verb) failed with exit code \(code)")
        case .signal(let signal):
            throw Failure.transient(.pluginFault, "\(name) \(verb) was killed by signal \(signal)")
        case .timedOut:
            throw Failure.transient(
                .timeout,
                "\(name) \(verb) took longer than \(timeout.manifestText); it was killed"
            )
        case .flooded:
            throw Failure.permanent(
                .pluginFault,
                "\(name) \(verb) wrote more than \(PluginCall.answerLimit >> 20) MiB to standard output; "
                    + "it was killed"
            )
        case .cancelled: throw CancellationError()
        case .refused(let why): throw Failure.transient(.pluginMissing, "\(name) \(why)")
        }
    }

    /// What the plugin itself says of a failure: an object on standard output, or the last line on the other.
    private func failure(
        _ outcome: PluginCall.Outcome,
        _ persistence: Failure.Persistence,
        _ what: String
    ) -> Failure {
        // A failure that is told badly is the failure still.
        if let failure = try? PluginAnswer.error(outcome.output, persistence) { return failure }
        let line = outcome.lastLine
        return Failure(
            .pluginFault,
            line.isEmpty ? "\(what), and did not say why" : "\(what): \(line)",
            persistence
        )
    }
}

/// Logs what a plugin writes to standard error, within bounds.
///
/// A class, because all calls of the plugin share its allowance.
final class PluginTalk: Sendable {
    /// Lines of one call that are logged; the rest is counted.
    static let lineLimit = 100
    /// Lines of all calls in a minute that are logged.
    static let rateLimit = 600

    /// What one call has said.
    final class Call: Sendable {
        let verb: String
        fileprivate let counts = Mutex((lines: 0, dropped: 0))
        init(verb: String) { self.verb = verb }
    }

    private let plugin: PluginName
    private let logger: Logger
    private let clock = ContinuousClock()
    private let minute: Mutex<(begunAt: ContinuousClock.Instant, lines: Int)>

    init(plugin: PluginName, logger: Logger) {
        self.plugin = plugin
        self.logger = logger
        minute = Mutex((clock.now, 0))
    }

    func say(_ line: String, _ call: Call) {
        let isWithin = call.counts.withLock { counts in
            counts.lines += 1
            if counts.lines > Self.lineLimit || !isWithinRate() { counts.dropped += 1 }
            return counts.dropped == 0
        }
        guard isWithin else { return }
        logger.info(
            "plugin says",
            metadata: ["plugin": "\(plugin)", "verb": "\(call.verb)", "line": "\(line)"]
        )
    }

    func end(_ call: Call) {
        let dropped = call.counts.withLock(\.dropped)
        guard dropped > 0 else { return }
        logger.info(
            "plugin said more, which was not logged",
            metadata: ["plugin": "\(plugin)", "verb": "\(call.verb)", "lines": "\(dropped)"]
        )
    }

    private func isWithinRate() -> Bool {
        minute.withLock { minute in
            let now = clock.now
            if now - minute.begunAt > .seconds(60) { minute = (now, 0) }
            minute.lines += 1
            return minute.lines <= Self.rateLimit
        }
    }
}
