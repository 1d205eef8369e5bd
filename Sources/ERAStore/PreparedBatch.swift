import ERAContracts
import ERACore
import FoundationEssentials
import GRDB

/// A batch with everything encoded, so that the transaction itself is short.
struct PreparedBatch {
    private enum Operation {
        case record(RecordRows)
        case forget(key: String, uid: String)
        case boot(String)
    }

    private let operations: [Operation]

    init(_ batch: Batch) throws {
        let encoder = JSONEncoder()
        operations = try batch.operations.map { operation in
            switch operation {
            case .write(let write): .record(try RecordRows(write, encoder))
            case .forget(let key, let uid): .forget(key: key.description, uid: uid)
            case .boot(let id): .boot(id)
            }
        }
    }

    func execute(_ db: Database) throws {
        for operation in operations {
            switch operation {
            case .record(let rows): try rows.execute(db)
            case .forget(let key, let uid):
                try db.cachedStatement(sql: "DELETE FROM records WHERE key = ? AND uid = ?")
                    .execute(arguments: [key, uid])
            case .boot(let id): try Meta.set("boot", id, db)
            }
        }
    }
}

/// The rows that a write of a record makes or replaces.
struct RecordRows {
    private struct JournalRow {
        var seq: Int64
        var uid: String
        var at: Int64
        var kind: String
        var event: CheckedJSON
    }

    private let key: String
    private let uid: String
    private let version: Int64
    private let phase: String
    private let declaration: CheckedJSON?
    private let body: CheckedJSON
    private let newRevisions: [(number: Int, json: CheckedJSON)]
    private let goneRevisions: [Int]
    private let journal: [JournalRow]

    init(_ write: RecordWrite, _ encoder: JSONEncoder) throws {
        let record = write.record
        key = record.key.description
        uid = record.uid
        version = write.version.rawValue
        phase = record.phase.rawValue
        declaration =
            write.needsDeclaration ? try CheckedJSON(encoding: record.declaration, encoder) : nil
        body = try CheckedJSON(encoding: RecordBody(record: record), encoder)
        newRevisions = try write.newRevisions.map {
            ($0.number.rawValue, try CheckedJSON(encoding: $0, encoder))
        }
        goneRevisions = write.goneRevisions.map(\.rawValue)
        journal = try write.rows.map { row in
            JournalRow(
                seq: row.seq.rawValue,
                uid: row.uid,
                at: row.event.at.wall.sinceEpoch.milliseconds,
                kind: row.event.kind.name,
                event: try CheckedJSON(encoding: row.event, encoder)
            )
        }
    }

    func execute(_ db: Database) throws {
        if let declaration {
            try db.cachedStatement(
                sql: """
                    INSERT INTO records
                        (key, uid, version, phase, declaration, declaration_sum, body, body_sum)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                    ON CONFLICT (key) DO UPDATE SET
                        uid = excluded.uid, version = excluded.version, phase = excluded.phase,
                        declaration = excluded.declaration, declaration_sum = excluded.declaration_sum,
                        body = excluded.body, body_sum = excluded.body_sum
                    """
            ).execute(
                arguments: [
                    key, uid, version, phase, declaration.text, declaration.sum, body.text, body.sum,
                ]
            )
        } else {
            try db.cachedStatement(
                sql: "UPDATE records SET version = ?, phase = ?, body = ?, body_sum = ? WHERE key = ?"
            ).execute(arguments: [version, phase, body.text, body.sum, key])
        }
        for number in goneRevisions {
            try db.cachedStatement(sql: "DELETE FROM revisions WHERE key = ? AND number = ?")
                .execute(arguments: [key, number])
        }
        for (number, json) in newRevisions {
            try db.cachedStatement(
                sql: "INSERT INTO revisions (key, number, revision, sum) VALUES (?, ?, ?, ?)"
            ).execute(arguments: [key, number, json.text, json.sum])
        }
        for row in journal {
            try db.cachedStatement(
                sql: """
                    INSERT INTO journal (seq, key, uid, at, kind, event, sum)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    """
            ).execute(
                arguments: [row.seq, key, row.uid, row.at, row.kind, row.event.text, row.event.sum]
            )
        }
    }
}
