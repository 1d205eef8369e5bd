internal import ERAContracts
internal import Glibc

/// Reads an instance's log files in the order in which they were written, while they are rotated.
///
/// An actor because it owns the descriptor that it reads from.
actor LogReader {
    /// What one chunk holds at most, apart from a line that is longer.
    static let chunkLimit = 65_536
    /// How often a followed log is looked at.
    static let followPeriod = Duration.milliseconds(100)
    private static let name = "output.log"
    private static let filesLimit = 101

    private let directory: String
    private let request: LogRequest
    private let clock: any Clock<Duration>
    private var current: Int32 = -1
    private var pending: [UInt8] = []
    private var hasBegun = false
    /// Whether the next text begins a line of output, not a further part of one.
    private var isAtLineStart = true

    init(directory: String, _ request: LogRequest, clock: any Clock<Duration>) {
        self.directory = directory
        self.request = request
        self.clock = clock
    }

    deinit { if current >= 0 { close(current) } }

    /// The next lines; nil at the end, and when a follower is cancelled.
    ///
    /// - Throws: ``Failure`` when a file cannot be read.
    func next() async throws -> [UInt8]? {
        if !hasBegun {
            hasBegun = true
            begin()
        }
        while true {
            if let chunk = try readChunk() { return chunk }
            if moveOn() { continue }
            guard request.follow else { return nil }
            do {
                try await clock.sleep(for: Self.followPeriod)
            } catch {
                return nil
            }
        }
    }

    // MARK: Files

    /// The path of the file that was rotated so many times.
    private func path(_ number: Int) -> String {
        number == 0 ? "\(directory)/\(Self.name)" : "\(directory)/\(Self.name).\(number)"
    }

    private func inode(_ path: String) -> UInt64? {
        var status = stat()
        return stat(path, &status) == 0 ? UInt64(status.st_ino) : nil
    }

    private var currentInode: UInt64? {
        var status = stat()
        return current >= 0 && fstat(current, &status) == 0 ? UInt64(status.st_ino) : nil
    }

    private func open(_ number: Int) -> Bool {
        let descriptor = Glibc.open(path(number), O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        if current >= 0 { close(current) }
        current = descriptor
        pending = []
        return true
    }

    /// Goes to the oldest file, or to where the wanted number of last lines begins.
    private func begin() {
        let newest = (0..<Self.filesLimit).prefix { access(path($0), F_OK) == 0 }
        guard let wanted = request.tailLines else {
            if let oldest = newest.last { _ = open(oldest) }
            return
        }
        var missing = wanted
        for number in newest {
            guard open(number) else { continue }
            missing -= seekBack(missing)
            if missing <= 0 { return }
        }
    }

    /// Moves to before the last `count` lines of the current file.
    ///
    /// - Returns: How many there are from there on.
    private func seekBack(_ count: Int) -> Int {
        var position = lseek(current, 0, SEEK_END)
        var found = 0
        var buffer = [UInt8](repeating: 0, count: Self.chunkLimit)
        // The end of the last line is not the start of another.
        var isLast = true
        while position > 0 {
            let size = min(position, buffer.count)
            position -= size
            guard pread(current, &buffer, size, off_t(position)) == size else { break }
            for index in stride(from: size - 1, through: 0, by: -1) where buffer[index] == 10 {
                if isLast {
                    isLast = false
                    if count == 0 {
                        lseek(current, 0, SEEK_END)
                        return 0
                    }
                    continue
                }
                found += 1
                if found == count {
                    lseek(current, off_t(position + index + 1), SEEK_SET)
                    return found
                }
            }
        }
        lseek(current, 0, SEEK_SET)
        return found + (isLast ? 0 : 1)
    }

    /// Opens the file that was begun after the current one.
    ///
    /// - Returns: Whether there is one.
    private func moveOn() -> Bool {
        guard let inode = currentInode else { return open(0) }
        guard inode != self.inode(path(0)) else { return false }
        let rotated = (1..<Self.filesLimit).prefix { access(path($0), F_OK) == 0 }
        guard let place = rotated.first(where: { self.inode(path($0)) == inode }) else {
            // Everything that we were reading is gone: go on with the oldest that is left.
            return open(rotated.last ?? 0)
        }
        return open(place - 1)
    }

    // MARK: Lines

    /// Whole lines from the current file; nil when there are none now.
    private func readChunk() throws -> [UInt8]? {
        guard current >= 0 else { return nil }
        while true {
            var buffer = [UInt8](repeating: 0, count: Self.chunkLimit)
            let count = read(current, &buffer, buffer.count)
            guard count >= 0 else { throw failure("read the log in", directory) }
            guard count > 0 else { return nil }
            pending += buffer[..<count]
            guard let end = pending.lastIndex(of: 10) else { continue }
            var text: [UInt8] = []
            for line in pending[..<end].split(separator: 10, omittingEmptySubsequences: false) {
                append(line, to: &text)
            }
            pending.removeFirst(end + 1)
            if !text.isEmpty { return text }
        }
    }

    /// Turns `TIME STREAM TAG TEXT` into what was asked for.
    private func append(_ line: ArraySlice<UInt8>, to text: inout [UInt8]) {
        let parts = line.split(separator: 32, maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 4 else { return }
        if request.timestamps, isAtLineStart {
            text += parts[0]
            text.append(32)
        }
        text += parts[3]
        isAtLineStart = parts[2].first != UInt8(ascii: "P")
        if isAtLineStart { text.append(10) }
    }
}
