import ERAContracts
import ERACore

/// Events on their way to the disk, and those that an equal one may still be counted into. Pure.
struct EventLog {
    fileprivate struct Identity: Hashable {
        var key: DeploymentKey
        var uid: String
        var kind: EventNotice.Kind
        var reason: String
        var message: String
    }

    /// What an equal event may still be counted into.
    private var recent: [Identity: StoredEvent] = [:]
    /// By ID.
    private var unwritten: [Int64: StoredEvent] = [:]
    private var inFlight: [StoredEvent] = []
    /// Events that were dropped because the disk did not take them in time.
    private(set) var dropped = 0

    var recentCount: Int { recent.count }
    var hasUnwritten: Bool { !unwritten.isEmpty }

    /// What is not known to be on disk yet.
    var pending: [StoredEvent] { inFlight + unwritten.values }

    /// Notes an event; `version` gives it its place in the order of all
    /// changes, or nil when there is none left.
    mutating func note(_ notice: EventNotice, version: () -> ResourceVersion?) {
        var notice = notice
        notice.message = Self.shortened(notice.message)
        let identity = Identity(notice)
        let earlier = recent[identity].flatMap { Self.isClose($0.lastAt, notice.at) ? $0 : nil }
        let hasRoom = unwritten.count < pendingEventsLimit || earlier.map { unwritten[$0.id] != nil } ?? false
        guard hasRoom, let version = version() else {
            dropped += 1
            return
        }
        let event = StoredEvent(
            id: earlier?.id ?? version.rawValue,
            notice: earlier?.notice ?? notice,
            count: (earlier?.count ?? 0) + 1,
            lastAt: notice.at,
            resourceVersion: version
        )
        recent[identity] = event
        unwritten[event.id] = event
        forgetOldest()
    }

    /// Hands over what is to be written now, oldest first.
    mutating func take() -> [StoredEvent] {
        inFlight = unwritten.values.sorted { $0.resourceVersion < $1.resourceVersion }
        unwritten = [:]
        return inFlight
    }

    /// What was taken is on disk.
    mutating func settle() { inFlight = [] }

    /// What was taken did not reach the disk.
    mutating func putBack() {
        for event in inFlight where unwritten[event.id] == nil { unwritten[event.id] = event }
        inFlight = []
    }

    /// Keeps the table of recent events bounded: those that were last seen longest ago go.
    private mutating func forgetOldest() {
        guard recent.count > 2 * pendingEventsLimit else { return }
        let oldest = recent.sorted { $0.value.resourceVersion < $1.value.resourceVersion }
        for (identity, _) in oldest.prefix(pendingEventsLimit) { recent[identity] = nil }
    }

    private static func isClose(_ left: WallTime, _ right: WallTime) -> Bool {
        let gap = right.sinceEpoch - left.sinceEpoch
        return gap <= eventCoalescingWindow && gap >= .zero - eventCoalescingWindow
    }

    private static func shortened(_ message: String) -> String {
        guard message.utf8.count > eventMessageLimit else { return message }
        var text = message
        while text.utf8.count > eventMessageLimit - 3 {
            text.removeLast(max(1, (text.utf8.count - eventMessageLimit) / 8))
        }
        return text + "…"
    }
}

extension EventLog.Identity {
    fileprivate init(_ notice: EventNotice) {
        self.init(
            key: notice.key,
            uid: notice.uid,
            kind: notice.kind,
            reason: notice.reason,
            message: notice.message
        )
    }
}
