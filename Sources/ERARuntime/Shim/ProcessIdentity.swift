internal import CLinux
internal import Glibc

/// One process of this boot, told apart from a later one with the same number by when it started.
struct ProcessIdentity: Hashable, Sendable {
    var pid: Int32
    /// Field 22 of `/proc/PID/stat`: clock ticks since boot.
    var startTime: UInt64

    /// Whether the process is there and has not ended; a zombie has ended.
    ///
    /// Where no descriptor is left to look by, whoever has the number counts.
    var isAlive: Bool {
        errno = 0
        guard let stat = ProcessStat(pid: pid) else { return isShortage(errno) && isTaken(pid) }
        return stat.startTime == startTime && !stat.hasEnded
    }

    /// Sends a signal to this process and to no other: where it cannot be told who has the number, to nobody.
    ///
    /// - Returns: Whether it was there to be signalled.
    @discardableResult
    func signal(_ number: Int32) -> Bool {
        let descriptor = era_spawn_pidfd_open(pid)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        // The descriptor names whoever has the number now; if that is the process we mean, it stays it.
        guard let stat = ProcessStat(pid: pid), stat.startTime == startTime else { return false }
        return era_spawn_pidfd_signal(descriptor, number) == 0
    }
}

/// Whether some process has a number; needs no descriptor.
private func isTaken(_ pid: Int32) -> Bool { kill(pid, 0) == 0 || errno == EPERM }

/// Whether a file could not be opened for want of something that others have: it says nothing of the file.
func isShortage(_ number: Int32) -> Bool { number == EMFILE || number == ENFILE || number == ENOMEM }

/// What `/proc/PID/stat` says.
struct ProcessStat {
    var state: UInt8
    var parent: Int32
    var group: Int32
    var threadCount: Int
    var startTime: UInt64

    /// Nil when there is no such process.
    init?(pid: Int32) {
        guard let bytes = readSmallFile("/proc/\(pid)/stat", limit: 4096),
            let nameEnd = bytes.lastIndex(of: UInt8(ascii: ")"))
        else { return nil }
        // Field 3 comes first: the name before it may hold blanks and parentheses.
        let fields = bytes[(nameEnd + 1)...].split(separator: UInt8(ascii: " "))
        guard fields.count >= 20, let state = fields[0].first,
            let parent = Int32(String(decoding: fields[1], as: UTF8.self)),
            let group = Int32(String(decoding: fields[2], as: UTF8.self)),
            let threadCount = Int(String(decoding: fields[17], as: UTF8.self)),
            let startTime = UInt64(String(decoding: fields[19], as: UTF8.self))
        else { return nil }
        self.state = state
        self.parent = parent
        self.group = group
        self.threadCount = threadCount
        self.startTime = startTime
    }

    /// A zombie, or about to be none; not one whose first thread has ended before the others.
    var hasEnded: Bool { (state == UInt8(ascii: "Z") || state == UInt8(ascii: "X")) && threadCount <= 1 }
}

/// The content of a file, at most `limit` bytes of it; nil when it cannot be opened, and errno says why.
func readSmallFile(_ path: String, limit: Int) -> [UInt8]? {
    let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var content: [UInt8] = []
    while content.count < limit {
        let wanted = min(limit - content.count, 16_384)
        let chunk = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, count in
            count = max(0, read(file, buffer.baseAddress, wanted))
        }
        if chunk.isEmpty { return content }
        content += chunk
    }
    return content
}
