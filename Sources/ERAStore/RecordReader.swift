import Dispatch
import ERAContracts
import ERACore
import FoundationEssentials
import GRDB
import Synchronization

/// Reads records with their revisions.
enum RecordReader {
    /// Everything that a start needs, in one pass.
    struct Contents: Sendable {
        var records: [StoredRecord]
        var written: [DeploymentKey: WrittenRecord]
        var reserved: Int64
        var newest: Int64
        var bootID: String?
    }

    /// A record as its rows hold it, checked and not yet decoded.
    private struct Parts: Sendable {
        var key: String
        var version: Int64
        var declaration: String
        var body: String
        var revisions: [(number: Int, text: String)]
    }

    /// - Throws: ``DamagedRow``, a decoding error, or SQLite's.
    static func contents(_ db: Database) throws -> Contents {
        var revisions: [String: [(number: Int, text: String)]] = [:]
        let revisionRows = try Row.fetchCursor(
            db,
            sql: "SELECT key, number, revision, sum FROM revisions ORDER BY key, number"
        )
        while let row = try revisionRows.next() {
            let key = try row.decode(String.self, atIndex: 0)
            revisions[key, default: []].append(try revision(row, key))
        }
        var parts: [Parts] = []
        let recordRows = try Row.fetchCursor(db, sql: "SELECT \(columns) FROM records")
        while let row = try recordRows.next() {
            let key = try row.decode(String.self, atIndex: 0)
            parts.append(try self.parts(row, key, revisions[key] ?? []))
        }
        var counts: [String: Int] = [:]
        let countRows = try Row.fetchCursor(db, sql: "SELECT key, count(*) FROM journal GROUP BY key")
        while let row = try countRows.next() {
            counts[try row.decode(atIndex: 0)] = try row.decode(atIndex: 1)
        }
        let records = try decoded(parts).sorted { $0.record.key < $1.record.key }
        var written: [DeploymentKey: WrittenRecord] = [:]
        for record in records.map(\.record) {
            written[record.key] = WrittenRecord(
                uid: record.uid,
                declaration: record.declaration,
                revisions: Set(record.revisions.keys),
                journalEntries: counts[record.key.description] ?? 0
            )
        }
        return Contents(
            records: records,
            written: written,
            reserved: try Meta.value("reserved", as: Int64.self, db) ?? 0,
            newest: try newest(db),
            bootID: try Meta.value("boot", as: String.self, db)
        )
    }

    /// Decodes on all processors: with many deployments this is what a start takes longest for.
    private static func decoded(_ parts: [Parts]) throws -> [StoredRecord] {
        let size = 16
        let results = Mutex<[Result<[StoredRecord], any Error>]>([])
        DispatchQueue.concurrentPerform(iterations: (parts.count + size - 1) / size) { index in
            let piece = parts[(index * size)..<min(parts.count, (index + 1) * size)]
            let decoder = JSONDecoder()
            let result = Result { try piece.map { try record($0, decoder) } }
            results.withLock { $0.append(result) }
        }
        return try results.withLock { try $0.flatMap { try $0.get() } }
    }

    /// One record; nil when there is none of that name.
    static func record(_ key: String, _ db: Database) throws -> StoredRecord? {
        guard
            let row = try Row.fetchOne(
                db,
                sql: "SELECT \(columns) FROM records WHERE key = ?",
                arguments: [key]
            )
        else { return nil }
        let revisions = try Row.fetchAll(
            db,
            sql: "SELECT key, number, revision, sum FROM revisions WHERE key = ? ORDER BY number",
            arguments: [key]
        ).map { try revision($0, key) }
        return try record(try parts(row, key, revisions), JSONDecoder())
    }

    private static let columns = "key, version, declaration, declaration_sum, body, body_sum"

    /// The newest resource version that left a trace.
    private static func newest(_ db: Database) throws -> Int64 {
        try [
            "SELECT max(seq) FROM journal", "SELECT max(version) FROM records",
            "SELECT max(version) FROM events",
        ].compactMap { try Int64.fetchOne(db, sql: $0) }.max() ?? 0
    }

    private static func revision(_ row: Row, _ key: String) throws -> (number: Int, text: String) {
        let number: Int = try row.decode(atIndex: 1)
        let json = try CheckedJSON(
            text: try row.decode(atIndex: 2),
            sum: try row.decode(atIndex: 3),
            of: "revision \(number) of \(key)"
        )
        return (number, json.text)
    }

    private static func parts(
        _ row: Row,
        _ key: String,
        _ revisions: [(number: Int, text: String)]
    ) throws -> Parts {
        let declaration = try CheckedJSON(
            text: try row.decode(atIndex: 2),
            sum: try row.decode(atIndex: 3),
            of: "the declaration of \(key)"
        )
        let body = try CheckedJSON(
            text: try row.decode(atIndex: 4),
            sum: try row.decode(atIndex: 5),
            of: "the record of \(key)"
        )
        return Parts(
            key: key,
            version: try row.decode(atIndex: 1),
            declaration: declaration.text,
            body: body.text,
            revisions: revisions
        )
    }

    private static func record(_ parts: Parts, _ decoder: JSONDecoder) throws -> StoredRecord {
        let record = try RecordBody.join(
            body: parts.body,
            declaration: parts.declaration,
            revisions: parts.revisions,
            decoder
        )
        guard record.key.description == parts.key else {
            throw DamagedRow(place: "the record of \(parts.key)", problem: "it is about \(record.key)")
        }
        return StoredRecord(record: record, resourceVersion: ResourceVersion(parts.version))
    }
}
