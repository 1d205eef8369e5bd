import ERAContracts
import Glibc

/// The right to be the only one who uses a data directory; held until the last reference goes.
///
/// A class for its `deinit`: the lock ends with the descriptor, also when the process is killed.
final class DirectoryLock: Sendable {
    private let descriptor: Int32

    /// How long one waits for what a dead holder left: a child that it was starting when it was killed has
    /// its descriptors until it becomes a program.
    private static let patience: Duration = .seconds(5)

    /// - Throws: ``StoreFault/locked(holder:)`` when another process (or another store of this one) has it.
    init(path: String) throws(StoreFault) {
        descriptor = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .system("opening the lock \(path)", errno: errno) }
        let deadline = ContinuousClock.now + Self.patience
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            let code = errno
            let holder = Self.holder(descriptor)
            if code == EWOULDBLOCK, !Self.isAlive(holder), ContinuousClock.now < deadline {
                usleep(5_000)
                continue
            }
            close(descriptor)
            guard code == EWOULDBLOCK else { throw .system("locking \(path)", errno: code) }
            throw .locked(holder: holder)
        }
        // For people and for the message of whoever comes second; a disk too full to take it stops nobody.
        var text = "\(getpid())\n"
        _ = ftruncate(descriptor, 0)
        _ = text.withUTF8 { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    }

    deinit { close(descriptor) }

    /// Whether a process has this number; who has not written it yet, is not known to.
    private static func isAlive(_ holder: Int32?) -> Bool {
        guard let holder else { return false }
        return kill(holder, 0) == 0 || errno != ESRCH
    }

    /// The PID that the holder wrote; nil when it is just about to.
    private static func holder(_ descriptor: Int32) -> Int32? {
        var bytes = [UInt8](repeating: 0, count: 32)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        return Int32(String(decoding: bytes.prefix(count).prefix { $0 > 0x20 }, as: UTF8.self))
    }
}
