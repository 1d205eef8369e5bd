import ERAContracts
import ERACore

/// How far steps have come, from the adapters' threads to the engine; a slow engine sees the newest.
struct ProgressReports: Sendable {
    private static let backlogLimit = 1024

    /// Of which step, its life says: a late report of an earlier one counts for nothing.
    typealias Report = (key: DeploymentKey, life: StepLife, progress: StepProgress)

    let stream: AsyncStream<Report>
    private let continuation: AsyncStream<Report>.Continuation

    init() {
        (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(Self.backlogLimit))
    }

    func report(_ key: DeploymentKey, _ life: StepLife, _ progress: StepProgress) {
        continuation.yield((key, life, progress))
    }
}

extension Engine {
    func showProgress() async {
        for await (key, life, progress) in progressed.stream {
            guard let underway = entries[key]?.underway, underway.life === life else { continue }
            entries[key]?.underway?.progress = progress
            publish(key)
        }
    }
}
