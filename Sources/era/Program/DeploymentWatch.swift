import ERAAPI
import ERAClient
import ERACore

/// Follows deployments for as long as the daemon tells about them.
///
/// A watch that the daemon ends, because the reader was too slow, begins again; when no daemon answers any
/// more, that is the error.
struct DeploymentWatch: Sendable {
    let client: ERAClient
    /// Nil for all.
    let namespace: NamespaceName?
    let labelSelector: String?
    /// Which deployments count.
    let includes: @Sendable (DeploymentKey) -> Bool

    /// How long to wait before a watch that was ended begins again.
    static let pause = Duration.milliseconds(200)

    init(
        client: ERAClient,
        namespace: NamespaceName?,
        labelSelector: String? = nil,
        includes: @escaping @Sendable (DeploymentKey) -> Bool = { _ in true }
    ) {
        self.client = client
        self.namespace = namespace
        self.labelSelector = labelSelector
        self.includes = includes
    }

    /// Calls `show` with all deployments: first what exists, then after each change.
    ///
    /// - Parameter ticking: Also each second, so that ages stay true.
    /// - Throws: ``ClientError``; it does not return otherwise.
    func states(ticking: Bool, _ show: (Dictionary<DeploymentKey, DeploymentObject>.Values) -> Void)
        async throws
    {
        while true {
            var known: [DeploymentKey: DeploymentObject] = [:]
            var isComplete = false
            for try await signal in signals(ticking: ticking) {
                switch signal {
                case .tick: break
                case .event(.added(let object)), .event(.modified(let object)):
                    if includes(object.key) { known[object.key] = object }
                case .event(.deleted(let object)): known[object.key] = nil
                case .event(.bookmark(_, let endsInitialEvents)):
                    isComplete = isComplete || endsInitialEvents
                }
                if isComplete { show(known.values) }
            }
            try await Task.sleep(for: Self.pause)
        }
    }

    /// Calls `tell` with each deployment: as it exists, then as it changes or was last.
    /// - Throws: ``ClientError``; it does not return otherwise.
    func changes(_ tell: (DeploymentObject) -> Void) async throws {
        var told: [DeploymentKey: DeploymentObject] = [:]
        while true {
            for try await event in client.watch(namespace: namespace, labelSelector: labelSelector) {
                switch event {
                case .added(let object), .modified(let object):
                    // A watch that begins again repeats what is known.
                    guard includes(object.key), told[object.key] != object else { continue }
                    told[object.key] = object
                    tell(object)
                case .deleted(let object):
                    guard includes(object.key) else { continue }
                    told[object.key] = nil
                    tell(object)
                case .bookmark: break
                }
            }
            try await Task.sleep(for: Self.pause)
        }
    }

    private enum Signal: Sendable {
        case event(WatchEvent)
        case tick
    }

    /// The events of one watch, and ticks between them; ends with the watch.
    private func signals(ticking: Bool) -> AsyncThrowingStream<Signal, any Error> {
        AsyncThrowingStream { continuation in
            let events = client.watch(namespace: namespace, labelSelector: labelSelector)
            let task = Task {
                do {
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask {
                            for try await event in events { continuation.yield(.event(event)) }
                        }
                        if ticking {
                            group.addTask {
                                while !Task.isCancelled {
                                    try await Task.sleep(for: .seconds(1))
                                    continuation.yield(.tick)
                                }
                            }
                        }
                        try await group.next()
                        group.cancelAll()
                    }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }
}
