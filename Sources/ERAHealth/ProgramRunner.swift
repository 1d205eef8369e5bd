import CLinux
import Dispatch
import ERAContracts
import ERACore
import Glibc
import Synchronization

/// Runs the programs of exec probes: each in a process group of its own, which ends as a whole.
///
/// A program that leaves its group (setsid) and lingers is out of reach here.
struct ProgramRunner: Sendable {
    /// The most groups of a user; beyond it the probe fails.
    static let groupLimit = 256

    /// Starting waits until the child has become the program; never on a thread of Swift's pool.
    private let queue = DispatchQueue(label: "era.probe.exec")

    /// - Returns: Within the time-out; a group that does not die at once is reaped later.
    func run(_ command: [String], _ environment: ProbeEnvironment, timeout: Duration) async -> ProbeOutcome {
        let run = ProgramRun(queue: queue, name: command.first ?? "")
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                queue.async { run.begin(command, environment, timeout: timeout, continuation) }
            }
        } onCancel: {
            queue.async { run.end(.failed("\(run.name) was cancelled")) }
        }
    }
}

/// One run; everything happens on its queue.
///
/// A class, because the queue's sources share it: they keep it until the process is reaped.
private final class ProgramRun: Sendable {
    private struct Sources {
        let output: any DispatchSourceRead
        let exit: any DispatchSourceRead
        let timer: any DispatchSourceTimer
    }

    private struct State {
        var continuation: CheckedContinuation<ProbeOutcome, Never>?
        var isCancelled = false
        var process: pid_t = 0
        var output: [UInt8] = []
        var outputEnd: CInt = -1
        var sources: Sources?
    }

    let name: String
    private let queue: DispatchQueue
    private let state: Mutex<State>

    init(queue: DispatchQueue, name: String) {
        self.queue = queue
        self.name = name
        state = Mutex(State())
    }

    func begin(
        _ command: [String],
        _ environment: ProbeEnvironment,
        timeout: Duration,
        _ continuation: CheckedContinuation<ProbeOutcome, Never>
    ) {
        let isCancelled = state.withLock { state in
            state.continuation = continuation
            return state.isCancelled
        }
        if isCancelled { return end(.failed("\(name) was cancelled")) }
        switch Program(command, environment).start() {
        case .failure(let problem): end(.failed("running \(name) failed: \(problem.text)"))
        case .success(let started): watch(started, timeout: timeout)
        }
    }

    /// Gives the outcome, once, and kills what still runs.
    func end(_ outcome: ProbeOutcome) {
        let continuation = state.withLock { state in
            state.isCancelled = true
            // Not reaped: the number is still this process's own.
            if state.process > 0 { kill(-state.process, SIGKILL) }
            defer { state.continuation = nil }
            return state.continuation
        }
        continuation?.resume(returning: outcome)
    }

    private func watch(_ started: Program.Started, timeout: Duration) {
        state.withLock { state in
            state.process = started.process
            state.outputEnd = started.output

            let output = DispatchSource.makeReadSource(fileDescriptor: started.output, queue: queue)
            output.setEventHandler { self.readOutput() }
            output.setCancelHandler { _ = close(started.output) }
            output.activate()
            let exit = DispatchSource.makeReadSource(fileDescriptor: started.descriptor, queue: queue)
            exit.setEventHandler { self.reap() }
            exit.setCancelHandler { _ = close(started.descriptor) }
            exit.activate()
            let timer = DispatchSource.makeTimerSource(queue: queue)
            timer.setEventHandler { self.end(.failed("\(self.name) did not end within \(timeout); killed")) }
            timer.schedule(deadline: .now() + timeout.seconds)
            timer.activate()
            state.sources = Sources(output: output, exit: exit, timer: timer)
        }
    }

    /// Takes what the program says; the start of it is kept, the rest keeps the program from blocking.
    private func readOutput() {
        state.withLock { state in
            guard state.outputEnd >= 0 else { return }
            withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
                // Bounded, so that a program that floods does not keep the queue from its timer.
                for _ in 0..<16 {
                    let count = read(state.outputEnd, buffer.baseAddress, buffer.count)
                    guard count > 0 else {
                        // At the end the descriptor stays readable: nothing more to wait for.
                        if count == 0 {
                            state.sources?.output.cancel()
                            state.outputEnd = -1
                        }
                        return
                    }
                    state.output.append(
                        contentsOf: buffer.prefix(min(count, outcomeTextLimit - state.output.count))
                    )
                }
            }
        }
    }

    private func reap() {
        var status: CInt = 0
        let process = state.withLock(\.process)
        guard process > 0, era_probe_reap(process, &status) != 0 else { return }
        readOutput()
        let output = state.withLock { state in
            state.process = 0
            state.outputEnd = -1
            state.sources?.output.cancel()
            state.sources?.exit.cancel()
            state.sources?.timer.cancel()
            state.sources = nil
            return state.output
        }
        end(Self.outcome(of: name, status: status, output: output))
    }

    /// Source: waitpid(2), the macros on a status.
    private static func outcome(of name: String, status: CInt, output: [UInt8]) -> ProbeOutcome {
        if status == 0 { return .success }
        let signal = status & 0x7F
        let end = signal == 0 ? "exited with code \(status >> 8 & 0xFF)" : "was killed by signal \(signal)"
        let text = String(decoding: output, as: UTF8.self)
        let line = String(text.map { $0.isNewline ? " " : $0 })
        return .failed(line.isEmpty ? "\(name) \(end)" : "\(name) \(end): \(line)")
    }
}

extension Duration {
    /// As a number of seconds.
    fileprivate var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}
