import ERACore
import Glibc

/// A lock between processes, on a file that stays; it ends with the value, and with the process.
struct FileLock: ~Copyable {
    /// How long a lock that somebody else has is waited for.
    static let waitLimit = Duration.seconds(10)
    /// Between two looks at whether it is free.
    private static let pause: UInt32 = 20_000

    enum Kind {
        case shared, exclusive
        fileprivate var operation: CInt { self == .shared ? LOCK_SH : LOCK_EX }
    }

    private let file: Descriptor

    private init(_ path: String) throws(SystemError) {
        file = try Descriptor(path, O_RDONLY | O_CREAT | O_NOFOLLOW, mode: 0o644)
        // Root may have made what the daemon's user locks later. Who is not the owner finds it done.
        _ = fchmod(file.number, 0o644)
    }

    /// Holds the lock up to here: a value that is used no more may go before the end of its scope.
    borrowing func isHeld() {}

    /// Takes the lock if nobody has it in a way that excludes this one.
    ///
    /// - Returns: Nil where somebody has.
    /// - Throws: ``SystemError`` with the kernel's error number.
    static func attempt(_ path: String, _ kind: Kind) throws(SystemError) -> FileLock? {
        let lock = try FileLock(path)
        while flock(lock.file.number, kind.operation | LOCK_NB) != 0 {
            if errno == EWOULDBLOCK { return nil }
            guard errno == EINTR else { throw SystemError("lock", path) }
        }
        return lock
    }

    /// Takes the lock, and waits for it.
    ///
    /// - Throws: ``Failure``: of the file system, and where it is not free in time.
    init(_ path: String, _ kind: Kind) throws {
        let end = ContinuousClock.now + Self.waitLimit
        while true {
            let taken: FileLock?
            do throws(SystemError) { taken = try Self.attempt(path, kind) } catch { throw error.failure }
            if let lock = taken {
                self = lock
                return
            }
            guard ContinuousClock.now < end else {
                throw Failure.transient(
                    .fileSystemError,
                    "another era works on the artifact store (\(path) is locked); try again when it has ended"
                )
            }
            usleep(Self.pause)
        }
    }
}
