extension Duration {
    /// Reads a duration as Go and Kubernetes write it: `90s`, `5m`, `1h30m`, `250ms`, `1.5s`.
    ///
    /// Source: Go `time.ParseDuration`, without signs, `us` and `ns`.
    /// - Throws: ``InvalidValue`` when the text has another form, or is longer than ``limit``.
    public init(manifest text: some StringProtocol) throws(InvalidValue) {
        let invalid = InvalidValue(String(text), expected: "a duration such as 500ms, 90s, 5m or 1h30m")
        var rest = Substring(text)
        var total: Int64 = 0
        var previousUnit: Int64 = .max
        if rest == "0" { self = .zero; return }
        guard !rest.isEmpty else { throw invalid }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            rest = rest[digits.endIndex...]
            guard let unit = Self.units.first(where: { rest.hasPrefix($0.suffix) }),
                unit.milliseconds < previousUnit,
                let milliseconds = DecimalNumber(digits)?.scaled(by: unit.milliseconds)
            else { throw invalid }
            rest = rest.dropFirst(unit.suffix.count)
            previousUnit = unit.milliseconds
            let (sum, overflow) = total.addingReportingOverflow(milliseconds)
            guard !overflow, sum <= Self.limitMilliseconds else {
                throw InvalidValue(String(text), expected: "a duration of at most 8760h (one year)")
            }
            total = sum
        }
        self = .milliseconds(total)
    }

    /// The manifest's form of this duration, to the millisecond: `1h30m`, `90s` as `1m30s`, `250ms`, `0s`.
    public var manifestText: String {
        var rest = milliseconds
        guard rest > 0 else { return "0s" }
        var text = ""
        for unit in Self.units.sorted(by: { $0.milliseconds > $1.milliseconds })
        where rest >= unit.milliseconds {
            text += "\(rest / unit.milliseconds)\(unit.suffix)"
            rest %= unit.milliseconds
        }
        return text
    }

    /// Whole milliseconds, rounded towards zero.
    public var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }

    /// The duration in seconds, for arithmetic with factors; exact enough below a year.
    public var inSeconds: Double { self / .seconds(1) }

    /// The longest duration of a manifest: one year.
    private static let limitMilliseconds: Int64 = 8760 * 3_600_000

    /// "ms" stands before "m", so that it is found first.
    private static let units: [(suffix: String, milliseconds: Int64)] = [
        ("ms", 1), ("h", 3_600_000), ("m", 60_000), ("s", 1_000),
    ]
}
