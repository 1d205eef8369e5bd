import ERAContracts
import ERACore
import FoundationEssentials
import GRDB

/// The journal of a deployment: reading, shortening, taking back.
enum JournalRows {
    /// The base and the entries after it.
    ///
    /// - Returns: Also the resource version of the newest entry; that of the base when there are none.
    static func excerpt(
        _ key: String,
        _ db: Database
    ) throws -> (excerpt: JournalExcerpt, newest: ResourceVersion?) {
        let decoder = JSONDecoder()
        var excerpt = JournalExcerpt(base: nil, events: [])
        var newest: ResourceVersion?
        if let row = try Row.fetchOne(
            db,
            sql: "SELECT seq, record, sum FROM bases WHERE key = ?",
            arguments: [key]
        ) {
            let json = try CheckedJSON(
                text: try row.decode(atIndex: 1),
                sum: try row.decode(atIndex: 2),
                of: "the base record of \(key)"
            )
            excerpt.base = try decoder.decode(DeploymentRecord.self, from: Data(json.text.utf8))
            newest = ResourceVersion(try row.decode(atIndex: 0))
        }
        let rows = try Row.fetchCursor(
            db.cachedStatement(sql: "SELECT seq, event, sum FROM journal WHERE key = ? ORDER BY seq"),
            arguments: [key]
        )
        while let row = try rows.next() {
            let seq: Int64 = try row.decode(atIndex: 0)
            let json = try CheckedJSON(
                text: try row.decode(atIndex: 1),
                sum: try row.decode(atIndex: 2),
                of: "journal entry \(seq) of \(key)"
            )
            excerpt.events.append(try decoder.decode(JournalEvent.self, from: Data(json.text.utf8)))
            newest = ResourceVersion(seq)
        }
        return (excerpt, newest)
    }

    /// Moves the base forward until at most `keep` entries are left.
    ///
    /// A journal that cannot be folded (it was written by a faulty release) is given up for the record
    /// itself, which is what counts: the base becomes the record, and no entry is left.
    /// - Returns: The number of entries left.
    static func trim(_ key: DeploymentKey, keep: Int, _ db: Database) throws -> Int {
        let name = key.description
        let seqs = try Int64.fetchAll(
            db,
            sql: "SELECT seq FROM journal WHERE key = ? ORDER BY seq",
            arguments: [name]
        )
        guard seqs.count > keep else { return seqs.count }
        var excerpt = try excerpt(name, db).excerpt
        excerpt.events.removeLast(keep)
        // Why it cannot be folded changes nothing about what is done.
        if let base = try? replay(excerpt, key) {
            let last = seqs[seqs.count - keep - 1]
            try setBase(base, seq: last, name, db)
            return keep
        }
        guard let record = try RecordReader.record(name, db)?.record, let last = seqs.last else { return 0 }
        try setBase(record, seq: last, name, db)
        return 0
    }

    private static func setBase(_ base: DeploymentRecord, seq: Int64, _ key: String, _ db: Database) throws {
        let json = try CheckedJSON(encoding: base, JSONEncoder())
        try db.execute(
            sql: """
                INSERT INTO bases (key, seq, record, sum) VALUES (?, ?, ?, ?)
                ON CONFLICT (key) DO UPDATE SET
                    seq = excluded.seq, record = excluded.record, sum = excluded.sum
                """,
            arguments: [key, seq, json.text, json.sum]
        )
        try db.execute(sql: "DELETE FROM journal WHERE key = ? AND seq <= ?", arguments: [key, seq])
    }

    /// Removes the entries after `version` and puts the records back to what the rest leads to.
    ///
    /// - Returns: The deployments concerned; nil for one that had not been there before.
    static func undo(after version: ResourceVersion, _ db: Database) throws -> [DeploymentKey: WrittenRecord?]
    {
        let keys = try String.fetchAll(
            db,
            sql: "SELECT DISTINCT key FROM journal WHERE seq > ?",
            arguments: [version.rawValue]
        )
        var restored: [DeploymentKey: WrittenRecord?] = [:]
        for name in keys {
            guard let stored = try RecordReader.record(name, db) else { continue }
            let key = stored.record.key
            try db.execute(
                sql: "DELETE FROM journal WHERE key = ? AND seq > ?",
                arguments: [name, version.rawValue]
            )
            let (excerpt, newest) = try excerpt(name, db)
            guard let newest, let record = try replay(excerpt, key) else {
                try db.execute(sql: "DELETE FROM records WHERE key = ?", arguments: [name])
                restored.updateValue(nil, forKey: key)
                continue
            }
            // Written as if nothing of it were there: declaration and revisions may be others as well.
            let before = WrittenRecord(
                uid: "",
                declaration: stored.record.declaration,
                revisions: Set(stored.record.revisions.keys),
                journalEntries: excerpt.events.count
            )
            let write = RecordWrite(record: record, version: newest, before: before)
            try RecordRows(write, JSONEncoder()).execute(db)
            restored.updateValue(write.after, forKey: key)
        }
        return restored
    }

    /// The record that an excerpt leads to; nil when it is empty.
    private static func replay(_ excerpt: JournalExcerpt, _ key: DeploymentKey) throws -> DeploymentRecord? {
        try excerpt.events.reduce(excerpt.base) { record, event in
            try record?.applying(event) ?? DeploymentRecord(key: key, founding: event)
        }
    }
}
