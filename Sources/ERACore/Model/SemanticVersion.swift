/// A version by Semantic Versioning 2.0.0.
///
/// Source: https://semver.org/spec/v2.0.0.html, items 2, 9, 10 (form) and 11 (precedence).
/// Equality is that of the whole text; precedence ignores build metadata.
public struct SemanticVersion: Hashable, Sendable, Codable, CustomStringConvertible {
    public let major: UInt
    public let minor: UInt
    public let patch: UInt
    /// The dot-separated identifiers after `-`; empty for a release.
    public let prerelease: [String]
    /// The dot-separated identifiers after `+`; they never matter for precedence.
    public let build: [String]

    /// The release of these numbers.
    public init(major: UInt, minor: UInt, patch: UInt) {
        self.major = major
        self.minor = minor
        self.patch = patch
        prerelease = []
        build = []
    }

    /// - Throws: ``InvalidValue`` when the text is not a version of the form
    ///   `1.2.3`, `1.2.3-rc.1` or `1.2.3+build`.
    public init(_ text: some StringProtocol) throws(InvalidValue) {
        let invalid = InvalidValue(
            String(text),
            expected: "a semantic version such as 1.2.3, 1.2.3-rc.1 or 1.2.3+build"
        )
        let plus = Substring(text).split(separator: "+", maxSplits: 1, omittingEmptySubsequences: false)
        let minus = plus[0].split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        let numbers = minus[0].split(separator: ".", omittingEmptySubsequences: false)
        guard numbers.count == 3, let major = Self.number(numbers[0]), let minor = Self.number(numbers[1]),
            let patch = Self.number(numbers[2])
        else { throw invalid }
        let prerelease =
            minus.count == 2 ? minus[1].split(separator: ".", omittingEmptySubsequences: false) : []
        let build = plus.count == 2 ? plus[1].split(separator: ".", omittingEmptySubsequences: false) : []
        guard prerelease.allSatisfy({ Self.isIdentifier($0) && !Self.hasLeadingZero($0) }),
            build.allSatisfy(Self.isIdentifier)
        else { throw invalid }
        self.major = major
        self.minor = minor
        self.patch = patch
        self.prerelease = prerelease.map(String.init)
        self.build = build.map(String.init)
    }

    public init(from decoder: any Decoder) throws { try self.init(String(from: decoder)) }
    public func encode(to encoder: any Encoder) throws { try description.encode(to: encoder) }

    public var description: String {
        var text = "\(major).\(minor).\(patch)"
        if !prerelease.isEmpty { text += "-" + prerelease.joined(separator: ".") }
        if !build.isEmpty { text += "+" + build.joined(separator: ".") }
        return text
    }

    /// Whether this version comes before `other` (item 11: numeric below
    /// alphanumeric, a pre-release below its release).
    public func precedes(_ other: SemanticVersion) -> Bool {
        let mine = (major, minor, patch)
        let others = (other.major, other.minor, other.patch)
        if mine != others { return mine < others }
        if prerelease.isEmpty || other.prerelease.isEmpty {
            return !prerelease.isEmpty && other.prerelease.isEmpty
        }
        for (left, right) in zip(prerelease, other.prerelease) where left != right {
            switch (Self.isNumeric(left), Self.isNumeric(right)) {
            // Without leading zeros the longer number is the greater one, however long.
            case (true, true): return (left.utf8.count, left) < (right.utf8.count, right)
            case (true, false): return true
            case (false, true): return false
            case (false, false): return left < right
            }
        }
        return prerelease.count < other.prerelease.count
    }

    private static func number(_ text: Substring) -> UInt? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), !hasLeadingZero(text)
        else { return nil }
        return UInt(text)
    }

    private static func isNumeric(_ text: some StringProtocol) -> Bool {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }

    private static func hasLeadingZero(_ text: Substring) -> Bool {
        text.utf8.count > 1 && text.hasPrefix("0") && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }

    private static func isIdentifier(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || byte == 0x2D
            }
    }
}

/// Which versions are acceptable: comparisons that must all hold, as in `>=1.0.0 <2.0.0`.
public struct VersionRequirement: Hashable, Sendable, Codable, CustomStringConvertible {
    /// How a version is compared with a bound.
    public enum Comparison: String, Hashable, Sendable, CaseIterable {
        case atLeast = ">="
        case atMost = "<="
        case above = ">"
        case below = "<"
        case exactly = "="
    }

    /// One comparison, such as `>=1.0.0`.
    public struct Clause: Hashable, Sendable {
        public let comparison: Comparison
        public let bound: SemanticVersion
    }

    public let clauses: [Clause]

    /// - Throws: ``InvalidValue`` when the text is not one or several comparisons separated by spaces.
    public init(_ text: some StringProtocol) throws(InvalidValue) {
        let invalid = InvalidValue(String(text), expected: "a version requirement such as \">=1.0.0 <2.0.0\"")
        var clauses: [Clause] = []
        for word in text.split(separator: " ") {
            // CaseIterable lists the two-character operators first, so that ">=" is not read as ">".
            let comparison = Comparison.allCases.first { word.hasPrefix($0.rawValue) }
            let rest = word.dropFirst(comparison?.rawValue.count ?? 0)
            guard let bound = try? SemanticVersion(rest) else { throw invalid }  // its text is in `invalid`
            clauses.append(Clause(comparison: comparison ?? .exactly, bound: bound))
        }
        guard !clauses.isEmpty else { throw invalid }
        self.clauses = clauses
    }

    public init(from decoder: any Decoder) throws { try self.init(String(from: decoder)) }
    public func encode(to encoder: any Encoder) throws { try description.encode(to: encoder) }

    public var description: String {
        clauses.map { $0.comparison.rawValue + $0.bound.description }.joined(separator: " ")
    }

    /// Whether `version` meets every comparison.
    public func accepts(_ version: SemanticVersion) -> Bool {
        clauses.allSatisfy { clause in
            switch clause.comparison {
            case .atLeast: !version.precedes(clause.bound)
            case .atMost: !clause.bound.precedes(version)
            case .above: clause.bound.precedes(version)
            case .below: version.precedes(clause.bound)
            case .exactly: !version.precedes(clause.bound) && !clause.bound.precedes(version)
            }
        }
    }
}
