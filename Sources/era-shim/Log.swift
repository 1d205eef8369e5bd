import CShim

/// The workload's output on its way to a file: a time stamp before each line, in the form that
/// Kubernetes' CRI has (`2026-11-24T21:30:00.123456789Z stdout F text`), rotated by size.
///
/// The workload never waits for the disk: what cannot be written is counted, and the count is written as
/// soon as writing works again.
struct Log {
    /// A line longer than this is written in parts, marked P but for the last.
    static let lineLimit = 4096

    /// One of the two streams.
    struct Stream {
        let descriptor: Int32
        let name: StaticString
        /// The line that has no end yet.
        var pending = Text(capacity: Log.lineLimit)
    }

    var output: Stream
    var error: Stream
    private let directory: Int32
    private let sizeLimit: Int64
    private let fileLimit: Int64
    private var file: Int32
    private var size: Int64 = 0
    private var batch = Text(capacity: 8192)
    private var linesInBatch: Int64 = 0
    private var linesLost: Int64 = 0
    private var date = Date()

    /// Opens the file; a log that cannot be opened now is tried again with each batch.
    init(_ configuration: Configuration, directory: Int32, output: Int32, error: Int32) {
        self.directory = directory
        sizeLimit = max(configuration.logMaxSize, 1024)
        fileLimit = min(max(configuration.logMaxFiles, 1), 100)
        self.output = Stream(descriptor: output, name: " stdout ")
        self.error = Stream(descriptor: error, name: " stderr ")
        file = era_open_append(directory, "output.log", &size)
    }

    /// Takes what a stream has now, at most a few buffers of it, so that a flood delays nothing else.
    ///
    /// - Returns: How much it was, and whether the stream may have more later.
    mutating func drain(isError: Bool, rounds: Int) -> (bytes: Int, isOpen: Bool) {
        var total = 0
        let descriptor = isError ? error.descriptor : output.descriptor
        for _ in 0..<rounds {
            // Straight behind the pending line: no second buffer.
            let stream = isError ? error : output
            let room = stream.pending.room
            let count = era_read(descriptor, stream.pending.bytes + stream.pending.count, Int64(room))
            if count == -Int64(ERA_EAGAIN) || count == -Int64(ERA_EINTR) { return (total, true) }
            guard count > 0 else { return (total, false) }
            total += Int(count)
            take(isError: isError, Int(count))
        }
        return (total, true)
    }

    /// Ends lines that the workload left open, and writes everything.
    mutating func finish() {
        for isError in [false, true] {
            let stream = isError ? error : output
            guard stream.pending.count > 0 else { continue }
            append(stream.name, stream.pending.bytes, stream.pending.count, isPartial: false)
            if isError { error.pending.removeAll() } else { output.pending.removeAll() }
        }
        flush()
        era_close(file)
        file = -1
    }

    private mutating func take(isError: Bool, _ count: Int) {
        let stream = isError ? error : output
        let bytes = stream.pending.bytes
        let end = stream.pending.count + count
        var start = 0
        for index in stream.pending.count..<end where bytes[index] == 10 {
            append(stream.name, bytes + start, index - start, isPartial: false)
            start = index + 1
        }
        if start == 0, end == stream.pending.capacity {
            append(stream.name, bytes, end, isPartial: true)
            start = end
        }
        if start > 0 {
            // Overlapping: moves forward in memory, byte by byte.
            for index in start..<end { bytes[index - start] = bytes[index] }
        }
        if isError { error.pending.assumeCount(end - start) } else { output.pending.assumeCount(end - start) }
    }

    private mutating func append(
        _ name: StaticString,
        _ bytes: UnsafePointer<UInt8>,
        _ count: Int,
        isPartial: Bool
    ) {
        if batch.room < count + 64 { flush() }
        date.append(to: &batch, era_wall_time())
        batch.append(name)
        batch.append(isPartial ? "P " : "F ")
        batch.append(bytes, count)
        batch.append("\n")
        linesInBatch += 1
    }

    /// Writes the batch; a part that was written is taken back, so that the file holds whole lines only.
    mutating func flush() {
        guard batch.count > 0 else { return }
        if size > 0, size + Int64(batch.count) > sizeLimit { rotate() }
        if file < 0 { file = era_open_append(directory, "output.log", &size) }
        if linesLost > 0 { reportLoss() }
        if !write(batch) { linesLost += linesInBatch }
        linesInBatch = 0
        batch.removeAll()
    }

    private mutating func write(_ text: Text) -> Bool {
        guard file >= 0 else { return false }
        let written = era_write(file, text.bytes, Int64(text.count))
        if written == Int64(text.count) {
            size += written
            return true
        }
        if written > 0 { _ = era_truncate(file, size) }
        return false
    }

    private mutating func reportLoss() {
        var notice = Text(capacity: 256)
        date.append(to: &notice, era_wall_time())
        notice.append(" stderr F era-shim: ")
        notice.append(linesLost)
        notice.append(" lines were lost here because the log could not be written\n")
        if write(notice) { linesLost = 0 }
        notice.deallocate()
    }

    /// output.log becomes output.log.1, and so on; the oldest goes.
    private mutating func rotate() {
        era_close(file)
        file = -1
        var from = Text(capacity: 32)
        var to = Text(capacity: 32)
        var number = fileLimit - 1
        if number == 0 { _ = era_remove(directory, "output.log") }
        while number >= 1 {
            Self.name(&from, number - 1)
            Self.name(&to, number)
            _ = era_rename(directory, from.cText, to.cText)
            number -= 1
        }
        from.deallocate()
        to.deallocate()
        size = 0
    }

    private static func name(_ text: inout Text, _ number: Int64) {
        text.removeAll()
        text.append("output.log")
        if number > 0 {
            text.append(".")
            text.append(number)
        }
    }
}

/// Writes times as RFC 3339 in UTC with nanoseconds, and works the date out once a day.
struct Date {
    private var day: Int64 = .min
    private var year: UInt64 = 0
    private var month: UInt64 = 0
    private var dayOfMonth: UInt64 = 0

    mutating func append(to text: inout Text, _ nanoseconds: Int64) {
        let seconds = nanoseconds / 1_000_000_000
        if seconds / 86_400 != day { setDay(seconds / 86_400) }
        let second = UInt64(seconds % 86_400)
        text.append(decimal: year, width: 4)
        text.append("-")
        text.append(decimal: month, width: 2)
        text.append("-")
        text.append(decimal: dayOfMonth, width: 2)
        text.append("T")
        text.append(decimal: second / 3600, width: 2)
        text.append(":")
        text.append(decimal: second / 60 % 60, width: 2)
        text.append(":")
        text.append(decimal: second % 60, width: 2)
        text.append(".")
        text.append(decimal: UInt64(nanoseconds % 1_000_000_000), width: 9)
        text.append("Z")
    }

    /// The proleptic Gregorian date of a day since 1970.
    ///
    /// Source: Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
    private mutating func setDay(_ number: Int64) {
        day = number
        let shifted = number + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        dayOfMonth = UInt64(dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
        month = UInt64(shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9)
        year = UInt64(yearOfEra + era * 400 + (month <= 2 ? 1 : 0))
    }
}
