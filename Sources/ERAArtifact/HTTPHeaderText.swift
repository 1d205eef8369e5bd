import ERACore

/// Readers of single header values; each returns nil for anything that is not exactly of the form.
enum HTTPHeaderText {
    /// A strong entity tag, with its quotes. Source: RFC 9110 section
    /// 8.8.3; weak ones cannot resume (13.1.5).
    static func strongValidator(_ text: String?) -> String? {
        guard let text, text.utf8.count >= 2, text.hasPrefix("\""), text.hasSuffix("\""),
            text.utf8.dropFirst().dropLast().allSatisfy({ $0 == 0x21 || (0x23...0x7E).contains($0) })
        else { return nil }
        return text
    }

    /// `bytes first-last/total`, total nil for `*`. Source: RFC 9110 section 14.4.
    static func contentRange(_ text: String?) -> (first: Int64, last: Int64, total: Int64?)? {
        guard let text, text.hasPrefix("bytes ") else { return nil }
        let parts = text.dropFirst(6).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        let ends = parts[0].split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = number(ends[0]), let last = number(ends[1]), first <= last else {
            return nil
        }
        if parts[1] == "*" { return (first, last, nil) }
        guard let total = number(parts[1]), last < total else { return nil }
        return (first, last, total)
    }

    /// Where `Link` headers say that a list goes on. Source: RFC 8288 section 3.
    static func nextLink(_ values: [String]) -> String? {
        for value in values where value.utf8.count <= HTTPLocation.lengthLimit {
            var rest = value[...]
            while let start = rest.firstIndex(of: "<"), let end = rest[start...].firstIndex(of: ">") {
                let target = rest[rest.index(after: start)..<end]
                rest = rest[rest.index(after: end)...]
                let parameters = rest.prefix { $0 != "<" }.split { $0 == ";" || $0 == "," }
                let isNext = parameters.contains {
                    let word = $0.filter { $0 != " " && $0 != "\"" }.lowercased()
                    return word == "rel=next"
                }
                if isNext { return String(target) }
            }
        }
        return nil
    }

    /// The delay that `Retry-After` asks for, in seconds or as a date; never negative.
    ///
    /// Source: RFC 9110 section 10.2.3.
    static func retryAfter(_ text: String?, now: WallTime) -> Duration? {
        guard let text else { return nil }
        if let seconds = number(text) { return .seconds(min(seconds, 1 << 31)) }
        guard let date = secondsSinceEpoch(imfDate: text) else { return nil }
        return .seconds(max(0, date - now.sinceEpoch.components.seconds))
    }

    /// Digits only, up to 18 of them.
    static func number(_ text: some StringProtocol) -> Int64? {
        guard (1...18).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int64(text)
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`. Source: RFC 9110 section 5.6.7, IMF-fixdate.
    static func secondsSinceEpoch(imfDate text: String) -> Int64? {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[5] == "GMT", let day = number(parts[1]), (1...31).contains(day),
            let month = months.firstIndex(of: String(parts[2])), let year = number(parts[3]),
            (1970...9999).contains(year)
        else { return nil }
        let clock = parts[4].split(separator: ":").compactMap { number($0) }
        guard clock.count == 3, clock[0] < 24, clock[1] < 60, clock[2] <= 60 else { return nil }
        return daysSinceEpoch(year: year, month: Int64(month) + 1, day: day) * 86_400
            + clock[0] * 3600 + clock[1] * 60 + clock[2]
    }

    /// The day number of a proleptic Gregorian date; the year starts in March, so that a leap day ends it.
    private static func daysSinceEpoch(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month > 2 ? year : year - 1
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        let leapDays = shifted / 4 - shifted / 100 + shifted / 400
        return 365 * shifted + leapDays + dayOfYear - 719_468
    }
}
