import ERAContracts
import GRDB

extension StoreFault {
    /// What an error of SQLite or of the file system means for the store at `path`.
    init(_ error: any Error, path: String) {
        if let fault = error as? StoreFault {
            self = fault
            return
        }
        if error is DecodingError {
            self = .broken(
                "\(path) is sound, but this version of era cannot read what is in it (\(error)); "
                    + "start the version that wrote it"
            )
            return
        }
        guard let error = error as? DatabaseError else {
            self = .broken("\(path): \(error)")
            return
        }
        if error.extendedResultCode == .SQLITE_IOERR_SHMSIZE {
            self = .unwritable("no space left beside \(path); free some, era then goes on by itself")
            return
        }
        switch error.resultCode {
        case .SQLITE_FULL:
            self = .unwritable("no space left to write \(path); free some, era then goes on by itself")
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH, .SQLITE_CANTOPEN:
            self = .unwritable(
                "\(path) cannot be opened for writing (\(Self.detail(error))); "
                    + "mend the file system or its permissions, era then goes on by itself"
            )
        case .SQLITE_IOERR:
            self = .unwritable(
                "input/output error on \(path) (\(Self.detail(error))); "
                    + "check the disk, era then goes on by itself"
            )
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            self = .unwritable("\(path) is held by another program; end it, era then goes on by itself")
        case .SQLITE_NOMEM:
            self = .broken("out of memory while working with \(path); free some or raise the limit")
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            self = .broken(
                "\(path) is damaged (\(Self.detail(error))); restart era: it keeps a copy and deletes nothing"
            )
        default:  // SQLite's codes are open-ended; what is not named above is no trouble of the disk.
            self = .broken("\(path): \(Self.detail(error))")
        }
    }

    private static func detail(_ error: DatabaseError) -> String {
        "SQLite \(error.extendedResultCode.rawValue): \(error.message ?? "no message")"
    }

    /// A failed call of the file system: `attempt` says what was tried.
    static func system(_ attempt: String, errno code: Int32) -> StoreFault {
        .unwritable("\(attempt): \(errorText(code))")
    }
}
