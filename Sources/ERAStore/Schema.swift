import GRDB

/// The tables, as a list of named steps. A step that was released is never changed; a new one is added.
///
/// The form of the JSON columns belongs to the schema: a release that writes them in a form that an older one
/// does not read adds a step as well, so that the older one refuses the database.
enum Schema {
    /// - `records`: one row a deployment. `body` is the record without `declaration`, which changes seldom and
    ///   stands in its own column, and without the revisions, which never change and have their own table.
    /// - `journal`: `seq` is the resource version, so that the order of the rows is the order of all changes.
    /// - `bases`: the record that the journal of a deployment starts from, once its oldest entries were folded.
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
}
