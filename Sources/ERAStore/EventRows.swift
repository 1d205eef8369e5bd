import ERAContracts
import ERACore
import GRDB

/// The table of events.
///
/// Events go by number, not by age: a wall clock that jumps by years must not empty the table.
enum EventRows {
    static func write(_ events: [StoredEvent], _ options: StoreOptions, _ db: Database) throws {
        guard !events.isEmpty else { return }
        for event in events {
            try db.cachedStatement(
                sql: """
                    INSERT INTO events (id, key, uid, kind, reason, message, at, last_at, count, version)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                    ON CONFLICT (id) DO UPDATE SET
                        last_at = excluded.last_at, count = excluded.count, version = excluded.version
                    """
            ).execute(
                arguments: [
                    event.id, event.notice.key.description, event.notice.uid, event.notice.kind.rawValue,
                    event.notice.reason, event.notice.message, event.notice.at.sinceEpoch.milliseconds,
                    event.lastAt.sinceEpoch.milliseconds, event.count, event.resourceVersion.rawValue,
                ]
            )
        }
        for key in Set(events.map(\.notice.key.description)) {
            try db.cachedStatement(
                sql: """
                    DELETE FROM events WHERE key = ?1 AND version <=
                        (SELECT version FROM events WHERE key = ?1
                         ORDER BY version DESC LIMIT 1 OFFSET ?2)
                    """
            ).execute(arguments: [key, options.deploymentEventsLimit])
        }
        try db.cachedStatement(
            sql: """
                DELETE FROM events WHERE version <=
                    (SELECT version FROM events ORDER BY version DESC LIMIT 1 OFFSET ?)
                """
        ).execute(arguments: [options.eventsLimit])
    }

    /// Oldest first.
    static func read(_ key: DeploymentKey?, _ db: Database) throws -> [StoredEvent] {
        let columns = "id, key, uid, kind, reason, message, at, last_at, count, version"
        let rows =
            if let key {
                try Row.fetchCursor(
                    db,
                    sql: "SELECT \(columns) FROM events WHERE key = ? ORDER BY version",
                    arguments: [key.description]
                )
            } else {
                try Row.fetchCursor(db, sql: "SELECT \(columns) FROM events ORDER BY version")
            }
        var events: [StoredEvent] = []
        while let row = try rows.next() { events.append(try event(row)) }
        return events
    }

    private static func event(_ row: Row) throws -> StoredEvent {
        let id: Int64 = try row.decode(atIndex: 0)
        let name: String = try row.decode(atIndex: 1)
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let kind = EventNotice.Kind(rawValue: try row.decode(atIndex: 3)) else {
            throw DamagedRow(place: "event \(id)", problem: "it is about no deployment, or of no known kind")
        }
        return StoredEvent(
            id: id,
            notice: EventNotice(
                key: DeploymentKey(
                    namespace: try NamespaceName(parts[0]),
                    name: try DeploymentName(parts[1])
                ),
                uid: try row.decode(atIndex: 2),
                kind: kind,
                reason: try row.decode(atIndex: 4),
                message: try row.decode(atIndex: 5),
                at: WallTime(sinceEpoch: .milliseconds(try row.decode(Int64.self, atIndex: 6)))
            ),
            count: try row.decode(atIndex: 8),
            lastAt: WallTime(sinceEpoch: .milliseconds(try row.decode(Int64.self, atIndex: 7))),
            resourceVersion: ResourceVersion(try row.decode(atIndex: 9))
        )
    }
}
