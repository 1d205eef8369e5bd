/// A content digest: `sha256:` and 64 hexadecimal digits, or `sha512:` and 128.
///
/// Source: OCI image specification 1.1, "Digests"; hexadecimal digits are lower case.
public struct Digest: Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
    public enum Algorithm: String, Sendable, CaseIterable {
        case sha256
        case sha512

        /// The number of hexadecimal digits of a digest.
        public var digitCount: Int {
            switch self {
            case .sha256: 64
            case .sha512: 128
            }
        }
    }

    public let algorithm: Algorithm
    /// The digits after the colon.
    public let hex: String

    /// - Throws: ``InvalidValue`` for an unknown algorithm, a wrong length, or anything
    ///   but lower-case hexadecimal digits.
    public init(_ text: some StringProtocol) throws(InvalidValue) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let algorithm = Algorithm(rawValue: String(parts[0])),
            parts[1].utf8.count == algorithm.digitCount,
            parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else {
            throw InvalidValue(
                String(text),
                expected: "a digest: sha256: and 64 lower-case hexadecimal digits, or sha512: and 128"
            )
        }
        self.algorithm = algorithm
        hex = String(parts[1])
    }

    public init(from decoder: any Decoder) throws { try self.init(String(from: decoder)) }
    public func encode(to encoder: any Encoder) throws { try description.encode(to: encoder) }

    public var description: String { "\(algorithm.rawValue):\(hex)" }
    public static func < (left: Self, right: Self) -> Bool { left.description < right.description }
}
