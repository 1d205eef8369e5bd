internal import CLinux
internal import Dispatch
internal import ERACore
internal import Glibc
internal import Synchronization

/// One call of a plugin's executable: what goes in.
struct PluginCall: Sendable {
    /// The most bytes of an answer.
    static let answerLimit = 1 << 20
    /// How long a call that was killed may take to be gone.
    static let killLimit = DispatchTimeInterval.seconds(5)

    var verb: String
    /// The whole of standard input. Secrets are in it: it is never written to a file that has a name.
    var input: [UInt8]
    /// `NAME=value`.
    var environment: [String]
    /// Where it runs; `/` where that is not there.
    var directory: String
    var timeout: Duration

    /// How a call ended.
    enum End: Hashable, Sendable {
        case code(Int32)
        case signal(Int32)
        case timedOut
        /// It wrote more than the limit.
        case flooded
        case cancelled
        /// It was not started: why, as the end of a sentence about the plugin.
        case refused(String)
    }

    /// What came of a call. All that was in its process group is dead.
    struct Outcome: Sendable {
        var end: End
        var output: [UInt8]
        /// The last line on standard error; empty where there was none.
        var lastLine: String
    }

    /// - Parameter talk: Told each line of standard error. Whether it is a sign of life is what it returns.
    func run(
        _ file: PluginFile,
        talk: @escaping @Sendable (String) -> Bool
    ) async -> Outcome {
        let run = PluginRun(call: self, talk: talk)
        return await withTaskCancellationHandler {
            await withCheckedContinuation { run.begin(file, $0) }
        } onCancel: {
            run.cancel()
        }
    }
}

/// A call in progress; everything happens on its queue.
///
/// A class, because the queue's sources share it: they keep it until the process is reaped.
private final class PluginRun: Sendable {
    private struct State {
        var continuation: CheckedContinuation<PluginCall.Outcome, Never>?
        /// Why it is being killed; nil while it may go on.
        var verdict: PluginCall.End?
        var process: pid_t = 0
        var answer = Stream()
        var talk = Stream()
        var output: [UInt8] = []
        var lines = LineSplitter()
        var exit: (any DispatchSourceRead)?
        var timer: (any DispatchSourceTimer)?
    }

    /// Our end of one of its outputs.
    private struct Stream {
        var descriptor: CInt = -1
        var source: (any DispatchSourceRead)?

        mutating func close() {
            source?.cancel()
            source = nil
            descriptor = -1
        }
    }

    private let call: PluginCall
    private let tell: @Sendable (String) -> Bool
    private let queue = DispatchQueue(label: "era.plugin.call")
    private let state = Mutex(State())

    init(call: PluginCall, talk: @escaping @Sendable (String) -> Bool) {
        self.call = call
        tell = talk
    }

    func begin(_ file: PluginFile, _ continuation: CheckedContinuation<PluginCall.Outcome, Never>) {
        state.withLock { $0.continuation = continuation }
        queue.async {
            if self.state.withLock({ $0.verdict != nil }) { return self.finish(.cancelled) }
            let started: StartedPlugin
            do throws(PluginRefusal) {
                started = try StartedPlugin(self.call, file)
            } catch {
                return self.finish(.refused(error.description))
            }
            self.watch(started)
        }
    }

    func cancel() { queue.async { self.kill(.cancelled) } }

    private func watch(_ started: StartedPlugin) {
        state.withLock { state in
            state.process = started.process
            let answer = DispatchSource.makeReadSource(fileDescriptor: started.output, queue: queue)
            answer.setEventHandler { self.readAnswer() }
            answer.setCancelHandler { _ = close(started.output) }
            answer.activate()
            state.answer = Stream(descriptor: started.output, source: answer)
            let talk = DispatchSource.makeReadSource(fileDescriptor: started.talk, queue: queue)
            talk.setEventHandler { self.readTalk() }
            talk.setCancelHandler { _ = close(started.talk) }
            talk.activate()
            state.talk = Stream(descriptor: started.talk, source: talk)
            let exit = DispatchSource.makeReadSource(fileDescriptor: started.exit, queue: queue)
            exit.setEventHandler { self.reap() }
            exit.setCancelHandler { _ = close(started.exit) }
            exit.activate()
            state.exit = exit
            let timer = DispatchSource.makeTimerSource(queue: queue)
            timer.setEventHandler { self.timeIsUp() }
            timer.schedule(deadline: .now() + call.timeout.forDispatch)
            timer.activate()
            state.timer = timer
        }
    }

    // MARK: What it says

    private func readAnswer() {
        let isFlooded = state.withLock { state in
            let chunk = Self.read(&state.answer, most: PluginCall.answerLimit + 1 - state.output.count)
            state.output += chunk
            return state.output.count > PluginCall.answerLimit
        }
        if isFlooded { kill(.flooded) }
    }

    private func readTalk() {
        let lines = state.withLock { state in
            let chunk = Self.read(&state.talk, most: 1 << 16)
            return state.lines.add(chunk)
        }
        pass(lines)
    }

    private func pass(_ lines: [String]) {
        var isAlive = false
        for line in lines where tell(line) { isAlive = true }
        guard isAlive else { return }
        state.withLock { $0.timer?.schedule(deadline: .now() + call.timeout.forDispatch) }
    }

    /// Reads what is there, bounded so that who floods does not keep the queue from its timer.
    private static func read(_ stream: inout Stream, most: Int) -> [UInt8] {
        guard stream.descriptor >= 0, most > 0 else { return [] }
        let wanted = min(most, 1 << 16)
        var isAtEnd = false
        let chunk = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, count in
            let got = Glibc.read(stream.descriptor, buffer.baseAddress, wanted)
            isAtEnd = got == 0
            count = max(0, got)
        }
        // At the end the descriptor stays readable: nothing more to wait for.
        if isAtEnd { stream.close() }
        return chunk
    }

    // MARK: How it ends

    /// Kills the group, once; the outcome follows when it is reaped, or will not die.
    private func kill(_ end: PluginCall.End) {
        state.withLock { state in
            guard state.verdict == nil else { return }
            state.verdict = end
            guard state.process > 0 else { return }
            // Not reaped: the number is still this process's own.
            Glibc.kill(-state.process, SIGKILL)
            state.timer?.schedule(deadline: .now() + PluginCall.killLimit)
        }
    }

    /// The call's time, or that of what was killed and does not die.
    private func timeIsUp() {
        if let verdict = state.withLock(\.verdict) { finish(verdict) } else { kill(.timedOut) }
    }

    private func reap() {
        var status: CInt = 0
        let process = state.withLock(\.process)
        guard process > 0, era_probe_reap(process, &status) != 0 else { return }
        // What it had written before it ended.
        while state.withLock({ $0.answer.descriptor >= 0 && $0.output.count <= PluginCall.answerLimit }) {
            let before = state.withLock(\.output.count)
            readAnswer()
            if state.withLock(\.output.count) == before { break }
        }
        readTalk()
        pass(state.withLock { $0.lines.end() })
        let verdict = state.withLock { state in
            state.process = 0
            state.exit?.cancel()
            state.exit = nil
            return state.verdict
        }
        let signal = status & 0x7F
        finish(verdict ?? (signal == 0 ? .code(status >> 8 & 0xFF) : .signal(signal)))
    }

    /// Gives the outcome, once.
    private func finish(_ end: PluginCall.End) {
        let done = state.withLock { state in
            state.answer.close()
            state.talk.close()
            state.timer?.cancel()
            state.timer = nil
            defer { state.continuation = nil }
            let outcome = PluginCall.Outcome(end: end, output: state.output, lastLine: state.lines.last)
            return (state.continuation, outcome)
        }
        done.0?.resume(returning: done.1)
    }
}

extension Duration {
    /// For Dispatch; at least a nanosecond, at most what it can hold.
    fileprivate var forDispatch: DispatchTimeInterval {
        let (seconds, attoseconds) = components
        guard seconds < 1 << 32 else { return .never }
        return .nanoseconds(Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000))
    }
}
