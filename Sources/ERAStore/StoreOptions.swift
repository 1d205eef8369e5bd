public import ERACore
import Glibc

/// What can be chosen about a store; the defaults are those of the daemon.
public struct StoreOptions: Sendable {
    /// Journal entries kept for a deployment before its base record moves forward.
    public var journalEntriesLimit: Int
    /// Events kept for one deployment; the oldest go first.
    public var deploymentEventsLimit: Int
    /// Events kept in all; the oldest go first.
    public var eventsLimit: Int
    /// What deferred entries wait on, at most ``ERAContracts/deferralLimit``.
    public var clock: any Clock<Duration>
    /// The time for the names of quarantined copies.
    public var wallTime: @Sendable () -> WallTime
    /// Called after each commit, as the disk would report late trouble; for tests.
    var afterCommit: @Sendable () throws -> Void = {}

    public init(
        journalEntriesLimit: Int = 1_000,
        deploymentEventsLimit: Int = 100,
        eventsLimit: Int = 10_000,
        clock: any Clock<Duration> = ContinuousClock(),
        wallTime: @escaping @Sendable () -> WallTime = StoreOptions.systemTime
    ) {
        self.journalEntriesLimit = max(1, journalEntriesLimit)
        self.deploymentEventsLimit = max(1, deploymentEventsLimit)
        self.eventsLimit = max(1, eventsLimit)
        self.clock = clock
        self.wallTime = wallTime
    }

    /// The host's calendar time.
    public static func systemTime() -> WallTime {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return WallTime(sinceEpoch: .seconds(now.tv_sec) + .nanoseconds(now.tv_nsec))
    }
}

/// Changes that may wait for the disk; whoever appends more waits for room.
public let pendingChangesLimit = 4_096

/// Events that may wait for the disk; more of them are dropped.
public let pendingEventsLimit = 1_024

/// Bytes of an event's message that are kept (as Kubernetes' events).
public let eventMessageLimit = 1_024

/// How long after the last one an equal event is counted instead of repeated (as client-go's correlator).
public let eventCoalescingWindow = Duration.seconds(600)
