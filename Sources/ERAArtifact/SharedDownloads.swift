import ERACore
import ERAContracts
import Synchronization

/// One download for all who want the same content.
///
/// Each waiter is told the progress. A waiter whose task is cancelled leaves at once; when the last one
/// has left, the download is cancelled. A class, because all of them share its state.
final class SharedDownloads: Sendable {
    typealias Report = @Sendable (StepProgress) -> Void
    typealias Work = @Sendable (_ report: @escaping Report) async throws -> ContentStore.Blob

    /// A `pullSecret` and where it is meant.
    struct Secret: Hashable, Sendable {
        let name: PartName
        let namespace: NamespaceName
    }

    /// What is downloaded, and whence.
    struct Key: Hashable, Sendable {
        let digest: Digest?
        let url: String
        let secret: Secret?
    }

    /// The shortest time between two reports to one waiter; the last one always comes.
    static let reportInterval = Duration.milliseconds(100)

    private enum Outcome: Sendable {
        case blob(ContentStore.Blob)
        /// The one that was joined came from elsewhere, and failed there.
        case failedElsewhere
        /// A cancelled one is still putting its things away.
        case wait(Task<Void, Never>)
    }

    private struct Waiter {
        let isOwn: Bool
        let progress: Report
        let continuation: CheckedContinuation<Outcome, any Error>
    }

    private struct Flight {
        let task: Task<Void, Never>
        var waiters: [Int: Waiter] = [:]
        var latest: StepProgress?
        var lastReport: ContinuousClock.Instant?
        var isAbandoned = false
    }

    private struct State {
        var flights: [Key: Flight] = [:]
        var nextID = 0
        var isClosed = false

        /// A download of the same content from another place, that is not on its way out.
        func flightKey(sharing key: Key) -> Key? {
            guard let digest = key.digest else { return nil }
            return flights.first { $0.key.digest == digest && !$0.value.isAbandoned }?.key
        }
    }

    private let state = Mutex(State())
    private let executor: any TaskExecutor

    init(executor: any TaskExecutor) { self.executor = executor }

    /// What `work` makes, or what a download of the same content under way makes.
    ///
    /// Where that one is from another address or with another secret and fails, `work` is done after all.
    func blob(for key: Key, progress: @escaping Report, _ work: @escaping Work) async throws
        -> ContentStore.Blob
    {
        var isAnyPlaceGood = true
        while true {
            switch try await outcome(for: key, isAnyPlaceGood, progress, work) {
            case .blob(let blob): return blob
            case .failedElsewhere: isAnyPlaceGood = false
            case .wait(let task): await task.value
            }
        }
    }

    /// Cancels all downloads and waits until they have put away their things; later ones fail.
    func shutdown() async {
        let tasks = state.withLock { state in
            state.isClosed = true
            return state.flights.values.map(\.task)
        }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
    }

    private func outcome(
        for key: Key,
        _ isAnyPlaceGood: Bool,
        _ progress: @escaping Report,
        _ work: @escaping Work
    ) async throws -> Outcome {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                join(id, key, isAnyPlaceGood, progress, continuation, work)
            }
        } onCancel: {
            leave(id)
        }
    }

    private func join(
        _ id: Int,
        _ key: Key,
        _ isAnyPlaceGood: Bool,
        _ progress: @escaping Report,
        _ continuation: CheckedContinuation<Outcome, any Error>,
        _ work: @escaping Work
    ) {
        let (answer, latest): (Result<Outcome, any Error>?, StepProgress?) = state.withLock { state in
            // Under the lock: a cancellation from here on finds the waiter in the flight.
            if state.isClosed || Task.isCancelled { return (.failure(CancellationError()), nil) }
            let joined =
                state.flights[key] != nil ? key : isAnyPlaceGood ? state.flightKey(sharing: key) : nil
            if let joined, let flight = state.flights[joined] {
                if flight.isAbandoned { return (.success(.wait(flight.task)), nil) }
                let waiter = Waiter(isOwn: joined == key, progress: progress, continuation: continuation)
                state.flights[joined]?.waiters[id] = waiter
                return (nil, flight.latest)
            }
            let task = Task(executorPreference: executor) { await self.run(key, work) }
            let waiter = Waiter(isOwn: true, progress: progress, continuation: continuation)
            state.flights[key] = Flight(task: task, waiters: [id: waiter])
            return (nil, nil)
        }
        if let answer { continuation.resume(with: answer) }
        if let latest { progress(latest) }
    }

    private func run(_ key: Key, _ work: Work) async {
        let result: Result<ContentStore.Blob, any Error>
        do {
            result = .success(try await work { self.report($0, key) })
        } catch {
            result = .failure(error)
        }
        let waiters = state.withLock { $0.flights.removeValue(forKey: key)?.waiters ?? [:] }
        for waiter in waiters.values {
            switch result {
            case .success(let blob): waiter.continuation.resume(returning: .blob(blob))
            case .failure(let error) where waiter.isOwn: waiter.continuation.resume(throwing: error)
            case .failure: waiter.continuation.resume(returning: .failedElsewhere)
            }
        }
    }

    private func report(_ progress: StepProgress, _ key: Key) {
        let now = ContinuousClock.now
        let listeners: [Report] = state.withLock { state in
            guard let flight = state.flights[key] else { return [] }
            state.flights[key]?.latest = progress
            if let last = flight.lastReport, now - last < Self.reportInterval,
                progress.done != progress.total, flight.latest?.isQueued != true
            {
                return []
            }
            state.flights[key]?.lastReport = now
            return flight.waiters.values.map(\.progress)
        }
        for listener in listeners { listener(progress) }
    }

    private func leave(_ id: Int) {
        let (waiter, task): (Waiter?, Task<Void, Never>?) = state.withLock { state in
            guard let key = state.flights.first(where: { $0.value.waiters[id] != nil })?.key else {
                return (nil, nil)
            }
            let waiter = state.flights[key]?.waiters.removeValue(forKey: id)
            guard let flight = state.flights[key], flight.waiters.isEmpty else { return (waiter, nil) }
            state.flights[key]?.isAbandoned = true
            return (waiter, flight.task)
        }
        task?.cancel()
        waiter?.continuation.resume(throwing: CancellationError())
    }
}
