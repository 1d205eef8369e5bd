import ERAContracts
import ERACore
import ERAEngine
import Synchronization
import Testing

@testable import ERATestKit
@testable import era

/// What `era reconcile` and `era delete --all` stand on.
@Suite(.timeLimit(.minutes(2))) struct `An engine that runs once` {
    private struct Looks: Settling {
        var count: Int
        var isSettled: Bool { count >= 3 }
    }

    /// An engine on a machine where nothing fails by itself, with the source that is given.
    private func engine(_ source: (any ManifestSource)? = nil) -> Engine {
        let simulation = Simulation(seed: 1)
        simulation.faults.turnOff()
        var seams = simulation.seams(simulation.faults.boot())
        seams.sources = source.map { [$0] } ?? []
        return Engine(seams: seams)
    }

    @Test func `ends when what it waits for has come about`() async throws {
        let events = Mutex<[String]>([])
        let oneShot = OneShot(engine()) { events.withLock { $0.append("closed") } }
        let looks = Mutex(0)
        let end = try await oneShot.run(until: .now + .seconds(60)) {
            events.withLock { $0.append("begun") }
        } check: {
            Looks(
                count: looks.withLock {
                    $0 += 1; return $0
                }
            )
        } abandon: { _ in
            Issue.record("abandoned")
        }
        #expect(end.isInTime && end.outcome.count == 3)
        #expect(events.withLock { $0 } == ["begun", "closed"])
    }

    @Test func `ends at the deadline although the beginning hangs`() async throws {
        let isClosed = Mutex(false)
        let oneShot = OneShot(engine()) { isClosed.withLock { $0 = true } }
        let end = try await oneShot.run(until: .now + .milliseconds(50)) {
            try await Task.sleep(for: .seconds(3600))
        } check: {
            Looks(count: 1)
        } abandon: { _ in
            Issue.record("abandoned")
        }
        #expect(!end.isInTime && end.outcome.count == 1)
        #expect(isClosed.withLock { $0 })
    }

    /// A file system that does not answer cannot be told to stop either.
    @Test func `is abandoned when something does not end though it was told to`() async throws {
        let source = HungSource()
        let oneShot = OneShot(engine(source), endTimeLimit: .seconds(2)) {}
        let abandoned = Mutex<Int?>(nil)
        let end = try await oneShot.run(until: .now + .milliseconds(50)) {
            Issue.record("begun without its source")
        } check: {
            Looks(count: 1)
        } abandon: { looks in
            abandoned.withLock { $0 = looks?.count }
            // The command ends its process here; this is how a test goes on.
            source.release()
        }
        #expect(!end.isInTime)
        #expect(abandoned.withLock { $0 } == 1)
    }
}

/// A source whose files nobody can read, or stop reading. A class, since it keeps who waits.
private final class HungSource: ManifestSource {
    private enum State {
        case idle
        case waiting(CheckedContinuation<Void, Never>)
        case released
    }

    let id = SourceID("directory:/hung")
    private let state = Mutex(State.idle)

    func snapshot() async throws -> SourceSnapshot {
        await withCheckedContinuation { continuation in
            let isReleased = state.withLock { state in
                if case .released = state { return true }
                state = .waiting(continuation)
                return false
            }
            if isReleased { continuation.resume() }
        }
        throw SourceUnavailable("too late")
    }

    func changes() -> AsyncStream<Void> { AsyncStream { _ in } }

    func release() {
        let waiting = state.withLock { state -> CheckedContinuation<Void, Never>? in
            defer { state = .released }
            if case .waiting(let continuation) = state { return continuation }
            return nil
        }
        waiting?.resume()
    }
}
