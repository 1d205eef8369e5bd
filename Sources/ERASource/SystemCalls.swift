import CLinux
import ERALinux
import Glibc

/// An open file or directory; closed when it goes out of scope.
struct Descriptor: ~Copyable {
    let number: CInt

    /// Takes what a system call returned.
    ///
    /// - Throws: ``SystemError`` when it is -1.
    init(_ number: CInt) throws(SystemError) {
        guard number >= 0 else { throw SystemError.last }
        self.number = number
    }

    deinit { _ = close(number) }

    /// - Throws: ``SystemError`` with the kernel's error number.
    func status() throws(SystemError) -> stat {
        var status = stat()
        guard fstat(number, &status) == 0 else { throw SystemError.last }
        return status
    }

    /// Reads from the start up to the end or the limit, whichever comes first.
    ///
    /// - Throws: ``SystemError`` with the kernel's error number.
    func read(expected size: Int, limit: Int) throws(SystemError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: min(size, limit) + 1)
        var filled = 0
        while filled < bytes.count {
            let room = bytes.count - filled
            let offset = off_t(filled)
            let count = bytes.withUnsafeMutableBytes { buffer in
                pread(number, buffer.baseAddress.map { $0 + filled }, room, offset)
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw SystemError.last
            }
            if count == 0 { break }
            filled += count
            if filled == bytes.count, filled <= limit {
                bytes.append(contentsOf: repeatElement(0, count: min(filled, limit + 1 - filled)))
            }
        }
        bytes.removeLast(bytes.count - filled)
        return bytes
    }

    /// The names in an open directory but `.` and `..`, in no order.
    ///
    /// - Returns: Nil for a name that is not UTF-8, among the others.
    /// - Throws: ``SystemError`` with the kernel's error number.
    func names(limit: Int) throws(SystemError) -> [String?] {
        // A copy that starts at the beginning: the stream owns and closes what it is given.
        let copy = era_open_at(number, ".", O_RDONLY | O_DIRECTORY, 0)
        guard copy >= 0 else { throw SystemError.last }
        guard let stream = fdopendir(copy) else {
            let code = errno
            _ = close(copy)
            throw SystemError(code)
        }
        defer { closedir(stream) }
        var names: [String?] = []
        while names.count <= limit {
            errno = 0
            guard let entry = readdir(stream) else {
                // A listing that broke off must not look like a short directory.
                if errno != 0 { throw SystemError.last }
                break
            }
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}

/// What tells a file from every other, and one state of it from every other state.
struct FileStamp: Hashable {
    let device: UInt64
    let inode: UInt64
    let size: Int64
    let modified: Duration
    let changed: Duration

    init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        modified = .seconds(status.st_mtim.tv_sec) + .nanoseconds(status.st_mtim.tv_nsec)
        changed = .seconds(status.st_ctim.tv_sec) + .nanoseconds(status.st_ctim.tv_nsec)
    }

    /// Whether both are the same file, whatever it holds.
    func isSameFile(as other: FileStamp) -> Bool { device == other.device && inode == other.inode }
}

/// The clock that file systems stamp files with.
func fileSystemTime() -> Duration {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
}
