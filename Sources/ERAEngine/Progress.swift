import ERAContracts
import ERACore

/// How far downloads have come, from the fetcher's threads to the engine; a slow engine sees the newest.
struct ProgressReports: Sendable {
    private static let backlogLimit = 1024

    let stream: AsyncStream<(key: DeploymentKey, progress: FetchProgress)>
    private let continuation: AsyncStream<(key: DeploymentKey, progress: FetchProgress)>.Continuation

    init() {
        (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(Self.backlogLimit))
    }

    func report(_ key: DeploymentKey, _ progress: FetchProgress) { continuation.yield((key, progress)) }
}

extension Engine {
    func showProgress() async {
        for await (key, progress) in progressed.stream {
            guard case .fetch = entries[key]?.step else { continue }
            entries[key]?.progress = progress
            publish(key)
        }
    }
}
