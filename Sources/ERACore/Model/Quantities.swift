/// A number of bytes.
///
/// Text form: a Kubernetes quantity, `256Mi`, `1.5Gi`, `100M`, `1024`.
/// Source: Kubernetes `resource.Quantity` (suffixes Ki…Ei are powers of 1024, k…E powers of 1000).
public struct ByteCount: Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
    public let bytes: Int64

    public init(_ bytes: Int64) { self.bytes = bytes }

    /// - Throws: ``InvalidValue`` when the text is no quantity, negative, not a
    ///   whole number of bytes, or above 2⁶³.
    public init(_ text: some StringProtocol) throws(InvalidValue) {
        let invalid = InvalidValue(
            String(text),
            expected: "a size such as 256Mi, 1Gi, 100M or a number of bytes"
        )
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard let unit = Self.units.first(where: { $0.suffix == text[digits.endIndex...] }),
            let value = DecimalNumber(digits)?.scaled(by: unit.factor)
        else { throw invalid }
        bytes = value
    }

    public init(from decoder: any Decoder) throws { bytes = try Int64(from: decoder) }
    public func encode(to encoder: any Encoder) throws { try bytes.encode(to: encoder) }

    /// The shortest exact form with a binary suffix: `256Mi`, `1536Ki`, `1000`.
    public var description: String {
        for unit in Self.units.reversed()
        where unit.suffix.hasSuffix("i") && bytes != 0 && bytes % unit.factor == 0 {
            return "\(bytes / unit.factor)\(unit.suffix)"
        }
        return String(bytes)
    }

    public static func < (left: Self, right: Self) -> Bool { left.bytes < right.bytes }

    private static let units: [(suffix: String, factor: Int64)] = [
        ("", 1), ("k", 1_000), ("M", 1_000_000), ("G", 1_000_000_000), ("T", 1_000_000_000_000),
        ("P", 1_000_000_000_000_000), ("E", 1_000_000_000_000_000_000),
        ("Ki", 1 << 10), ("Mi", 1 << 20), ("Gi", 1 << 30), ("Ti", 1 << 40), ("Pi", 1 << 50), ("Ei", 1 << 60),
    ]
}

/// A share of processors in thousandths of one: `500m` is half of one, `2` is two.
///
/// Source: Kubernetes, "CPU resource units".
public struct CPUShare: Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
    public let millicores: Int64

    public init(millicores: Int64) { self.millicores = millicores }

    /// - Throws: ``InvalidValue`` when the text is no quantity, negative, zero, or finer than a thousandth.
    public init(_ text: some StringProtocol) throws(InvalidValue) {
        let isMilli = text.hasSuffix("m")
        let number = isMilli ? String(text.dropLast()) : String(text)
        guard let value = DecimalNumber(number)?.scaled(by: isMilli ? 1 : 1000), value > 0 else {
            throw InvalidValue(String(text), expected: "a number of processors such as 500m, 0.5 or 2")
        }
        millicores = value
    }

    public init(from decoder: any Decoder) throws { millicores = try Int64(from: decoder) }
    public func encode(to encoder: any Encoder) throws { try millicores.encode(to: encoder) }

    public var description: String { millicores % 1000 == 0 ? String(millicores / 1000) : "\(millicores)m" }
    public static func < (left: Self, right: Self) -> Bool { left.millicores < right.millicores }
}

/// A non-negative decimal number as it was written; exact, where a `Double` would not be.
struct DecimalNumber {
    private let digits: Int64
    private let fractionDigits: Int

    /// Nil unless the text is digits with at most one dot, no sign, no exponent, and fits 64 bits.
    init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
            parts.allSatisfy({ !$0.isEmpty }), let digits = Int64(parts.joined())
        else { return nil }
        self.digits = digits
        fractionDigits = parts.count == 2 ? parts[1].utf8.count : 0
    }

    /// The number times `factor`; nil when that is no whole number or overflows.
    func scaled(by factor: Int64) -> Int64? {
        var divisor: Int64 = 1
        for _ in 0..<fractionDigits {
            let (next, overflow) = divisor.multipliedReportingOverflow(by: 10)
            if overflow { return nil }
            divisor = next
        }
        // Unsigned, where the quotient fits whenever the high half is below the divisor.
        let (high, low) = digits.magnitude.multipliedFullWidth(by: factor.magnitude)
        guard high < divisor.magnitude else { return nil }
        let (quotient, remainder) = divisor.magnitude.dividingFullWidth((high, low))
        return remainder == 0 ? Int64(exactly: quotient) : nil
    }
}
