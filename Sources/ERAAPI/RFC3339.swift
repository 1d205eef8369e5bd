public import ERACore

extension WallTime {
    /// Reads a moment as RFC 3339 section 5.6 writes it: `2026-01-02T03:04:05Z`, with fractions and offsets.
    ///
    /// A leap second counts as the second before it. What is finer than a wall time keeps is dropped.
    /// - Throws: ``InvalidValue`` when the text has another form or names no day of the calendar.
    public init(rfc3339 text: some StringProtocol) throws(InvalidValue) {
        var reader = TimeReader(rest: Substring(text).utf8)
        guard let sinceEpoch = reader.moment() else {
            throw InvalidValue(String(text), expected: "a time such as 2026-01-02T03:04:05Z (RFC 3339)")
        }
        self.init(sinceEpoch: sinceEpoch)
    }
}

/// Reads the fields of a moment from the front of `rest`.
private struct TimeReader {
    var rest: Substring.UTF8View

    /// Nil unless the whole text is one moment.
    mutating func moment() -> Duration? {
        guard let year = number(4), take("-"), let month = number(2), take("-"), let day = number(2),
            take("T") || take("t") || take(" "),
            let hour = number(2), take(":"), let minute = number(2), take(":"), let second = number(2),
            (1...12).contains(month), (1...Self.days(in: month, of: year)).contains(day),
            hour < 24, minute < 60, second <= 60, let fraction = fraction(), let offset = offset(),
            rest.isEmpty
        else { return nil }
        let days = Self.daysSinceEpoch(year, month, day)
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + min(second, 59) - offset
        return .seconds(seconds) + .nanoseconds(fraction)
    }

    /// Nanoseconds; 0 where no dot follows, nil where no digit follows the dot.
    private mutating func fraction() -> Int64? {
        guard take(".") else { return 0 }
        var nanoseconds: Int64 = 0
        var weight: Int64 = 100_000_000
        let digits = rest.prefix { (0x30...0x39).contains($0) }
        guard !digits.isEmpty else { return nil }
        rest = rest.dropFirst(digits.count)
        for digit in digits.prefix(9) {
            nanoseconds += Int64(digit - 0x30) * weight
            weight /= 10
        }
        return nanoseconds
    }

    /// Seconds east of UTC.
    private mutating func offset() -> Int64? {
        if take("Z") || take("z") { return 0 }
        let sign: Int64
        if take("+") { sign = 1 } else if take("-") { sign = -1 } else { return nil }
        guard let hours = number(2), take(":"), let minutes = number(2), hours < 24, minutes < 60 else {
            return nil
        }
        return sign * (hours * 3600 + minutes * 60)
    }

    private mutating func number(_ width: Int) -> Int64? {
        let digits = rest.prefix(width)
        guard digits.count == width, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        rest = rest.dropFirst(width)
        return digits.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest = rest.dropFirst()
        return true
    }

    private static func days(in month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// The day number of a date of the proleptic Gregorian calendar, for years from 0 on.
    ///
    /// Source: Howard Hinnant, "chrono-compatible low-level date algorithms", `days_from_civil`.
    private static func daysSinceEpoch(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}
