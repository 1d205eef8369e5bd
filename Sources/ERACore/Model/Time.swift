/// A point on the machine's monotonic clock: time since boot, suspended time included (`CLOCK_BOOTTIME`).
///
/// Deadlines are uptimes, so that setting the wall clock moves none of them. An uptime means something
/// only within one boot; ``JournalEvent/Kind/resumed(rebooted:)`` clears those that a record holds.
public struct Uptime: Hashable, Sendable, Codable, Comparable {
    /// Whole nanoseconds, so that what is stored is what was meant.
    public let sinceBoot: Duration

    /// - Parameter sinceBoot: What is finer than a nanosecond is dropped.
    public init(sinceBoot: Duration) { self.sinceBoot = .nanoseconds(Self.nanoseconds(sinceBoot)) }
    public init(from decoder: any Decoder) throws {
        sinceBoot = .nanoseconds(try Int64(from: decoder))
    }
    public func encode(to encoder: any Encoder) throws { try Self.nanoseconds(sinceBoot).encode(to: encoder) }

    private static func nanoseconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }

    public static func < (left: Self, right: Self) -> Bool { left.sinceBoot < right.sinceBoot }
    public static func + (left: Self, right: Duration) -> Uptime { Uptime(sinceBoot: left.sinceBoot + right) }
    public static func - (left: Self, right: Self) -> Duration { left.sinceBoot - right.sinceBoot }
}

/// A point in calendar time, for people: never compared to decide anything.
public struct WallTime: Hashable, Sendable, Codable {
    /// Since 1970-01-01T00:00:00Z, leap seconds not counted; whole microseconds.
    public let sinceEpoch: Duration

    /// - Parameter sinceEpoch: What is finer than a microsecond is dropped, towards the past; what is further
    ///   away than some 290,000 years is that far away.
    public init(sinceEpoch: Duration) { self.sinceEpoch = .microseconds(Self.microseconds(sinceEpoch)) }
    public init(from decoder: any Decoder) throws { sinceEpoch = .microseconds(try Int64(from: decoder)) }
    public func encode(to encoder: any Encoder) throws {
        try Self.microseconds(sinceEpoch).encode(to: encoder)
    }

    private static func microseconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        let (whole, isBeyond) = seconds.multipliedReportingOverflow(by: 1_000_000)
        let (sum, isSumBeyond) = whole.addingReportingOverflow(floorDivide(attoseconds, 1_000_000_000_000))
        return isBeyond || isSumBeyond ? (seconds < 0 ? .min : .max) : sum
    }

    /// RFC 3339 in UTC with whole seconds, as Kubernetes writes `metav1.Time`: `2026-01-02T03:04:05Z`.
    public var rfc3339: String {
        let seconds = Self.floorDivide(Self.microseconds(sinceEpoch), 1_000_000)
        let day = Self.floorDivide(seconds, 86_400)
        let second = seconds - day * 86_400
        let date = Self.civil(daysSinceEpoch: day)
        return "\(Self.padded(date.year, 4))-\(Self.padded(date.month, 2))-\(Self.padded(date.day, 2))T"
            + "\(Self.padded(second / 3600, 2)):\(Self.padded(second / 60 % 60, 2)):\(Self.padded(second % 60, 2))Z"
    }

    /// RFC 3339 in UTC with microseconds, as Kubernetes writes
    /// `metav1.MicroTime`: `2026-01-02T03:04:05.000006Z`.
    public var rfc3339Micro: String {
        let all = Self.microseconds(sinceEpoch)
        let micros = all - Self.floorDivide(all, 1_000_000) * 1_000_000
        return rfc3339.dropLast() + ".\(Self.padded(micros, 6))Z"
    }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }

    private static func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
        value >= 0 ? value / divisor : -((-value + divisor - 1) / divisor)
    }

    /// The proleptic Gregorian date of a day number.
    ///
    /// Source: Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
    private static func civil(daysSinceEpoch: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = daysSinceEpoch + 719_468
        let era = floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}

/// One reading of both clocks; a pass of the engine takes one and uses it throughout.
public struct Timestamp: Hashable, Sendable, Codable {
    public let uptime: Uptime
    public let wall: WallTime

    public init(uptime: Uptime, wall: WallTime) {
        self.uptime = uptime
        self.wall = wall
    }
}
