import ERAContracts
import GRDB

/// The tables, as a list of named steps. A step that was released is never changed; a new one is added.
///
/// The form of the JSON columns belongs to the schema: a release that writes them in a form that an older one
/// does not read adds a step as well, so that the older one refuses the database.
enum Schema {
    /// - `records`: one row a deployment. `body` is the record without `declaration`, which
    ///   changes seldom and stands in its own column, and without the revisions, which
    ///   never change and have their own table.
    /// - `journal`: `seq` is the resource version, so that the order of the rows is the order of all changes.
    /// - `bases`: the record that the journal of a deployment starts from,
    ///   once its oldest entries were folded.
    /// - `meta`: `boot` and `reserved`, the greatest resource version that may have been given to anybody.
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("0001-records-journal-events") { db in
            try db.execute(
                sql: """
                    CREATE TABLE records (
                        key TEXT PRIMARY KEY NOT NULL,
                        uid TEXT NOT NULL,
                        version INTEGER NOT NULL,
                        phase TEXT NOT NULL,
                        declaration TEXT NOT NULL,
                        declaration_sum INTEGER NOT NULL,
                        body TEXT NOT NULL,
                        body_sum INTEGER NOT NULL
                    ) STRICT, WITHOUT ROWID;
                    CREATE TABLE revisions (
                        key TEXT NOT NULL REFERENCES records(key) ON DELETE CASCADE,
                        number INTEGER NOT NULL,
                        revision TEXT NOT NULL,
                        sum INTEGER NOT NULL,
                        PRIMARY KEY (key, number)
                    ) STRICT, WITHOUT ROWID;
                    CREATE TABLE bases (
                        key TEXT PRIMARY KEY NOT NULL REFERENCES records(key) ON DELETE CASCADE,
                        seq INTEGER NOT NULL,
                        record TEXT NOT NULL,
                        sum INTEGER NOT NULL
                    ) STRICT;
                    CREATE TABLE journal (
                        seq INTEGER PRIMARY KEY NOT NULL,
                        key TEXT NOT NULL REFERENCES records(key) ON DELETE CASCADE,
                        uid TEXT NOT NULL,
                        at INTEGER NOT NULL,
                        kind TEXT NOT NULL,
                        event TEXT NOT NULL,
                        sum INTEGER NOT NULL
                    ) STRICT;
                    CREATE INDEX journal_by_key ON journal (key, seq);
                    CREATE TABLE events (
                        id INTEGER PRIMARY KEY NOT NULL,
                        key TEXT NOT NULL,
                        uid TEXT NOT NULL,
                        kind TEXT NOT NULL,
                        reason TEXT NOT NULL,
                        message TEXT NOT NULL,
                        at INTEGER NOT NULL,
                        last_at INTEGER NOT NULL,
                        count INTEGER NOT NULL,
                        version INTEGER NOT NULL
                    ) STRICT;
                    CREATE INDEX events_by_version ON events (version);
                    CREATE INDEX events_by_key ON events (key, version);
                    CREATE TABLE meta (
                        name TEXT PRIMARY KEY NOT NULL,
                        value ANY NOT NULL
                    ) STRICT, WITHOUT ROWID;
                    """
            )
        }
        return migrator
    }

    /// The steps that were taken in a database; none in a new one.
    ///
    /// - Throws: ``DamagedRow`` when the list cannot be read, SQLite's error.
    static func applied(_ db: Database) throws -> Set<String> {
        guard try db.tableExists(list) else { return [] }
        guard try db.columns(in: list).contains(where: { $0.name == "identifier" }) else {
            throw DamagedRow(place: "the table \(list)", problem: "it has lost a column")
        }
        return try migrator.appliedIdentifiers(db)
    }

    /// Makes sure that the tables are there that the steps taken have made, with their columns.
    ///
    /// SQLite notices a flipped bit in a table's definition only where it is no SQL any more.
    /// - Throws: ``DamagedRow``; ``StoreFault/broken(_:)`` for a database of another program.
    static func check(_ db: Database, applied: Set<String>) throws {
        guard let last = migrator.migrations.last(where: applied.contains) else {
            return try checkIsNew(db)
        }
        let model = try DatabaseQueue()
        try migrator.migrate(model, upTo: last)
        for (table, expected) in try model.read(columns) {
            guard try db.tableExists(table) else {
                throw DamagedRow(place: "the table \(table)", problem: "it is missing")
            }
            guard try names(of: table, db).isSuperset(of: expected) else {
                throw DamagedRow(place: "the table \(table)", problem: "it has lost a column")
            }
        }
    }

    /// No step was taken: then there is nothing, or somebody else's.
    private static func checkIsNew(_ db: Database) throws {
        let tables = try columns(db)
        guard let first = tables.keys.min() else { return }
        if Set(tables.keys).isSuperset(of: ["records", "journal", "meta"]) {
            throw DamagedRow(place: "the table \(list)", problem: "its rows are missing")
        }
        throw StoreFault.broken("it is the database of another program (table \(first)); move it elsewhere")
    }

    /// The tables and their columns, without SQLite's own and the list of steps.
    private static func columns(_ db: Database) throws -> [String: Set<String>] {
        let tables = try String.fetchAll(db, sql: "SELECT name FROM sqlite_master WHERE type = 'table'")
        var columns: [String: Set<String>] = [:]
        for table in tables where table != list && !table.hasPrefix("sqlite_") {
            columns[table] = try names(of: table, db)
        }
        return columns
    }

    private static func names(of table: String, _ db: Database) throws -> Set<String> {
        Set(try db.columns(in: table).map(\.name))
    }

    /// Where GRDB lists the steps that were taken.
    private static let list = "grdb_migrations"
}
