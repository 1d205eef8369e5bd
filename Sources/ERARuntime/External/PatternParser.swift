/// A regular expression, taken apart.
indirect enum PatternExpression: Hashable, Sendable {
    case scalar(ScalarSet)
    case place(SchemaPattern.Place)
    case sequence([PatternExpression])
    case choice([PatternExpression])
    /// - Parameter most: Nil for any number.
    case repetition(PatternExpression, least: Int, most: Int?)
}

/// Takes the text of a regular expression apart.
///
/// Source: ECMA-262, section 22.2.1, with the flag `u`: what has no meaning there is an error.
struct PatternParser {
    /// Groups inside each other.
    static let depthLimit = 32
    /// The largest number in `{ }`.
    static let countLimit = 1000

    private let scalars: [Unicode.Scalar]
    private var place = 0
    private var depth = 0

    init(_ text: String) { scalars = Array(text.unicodeScalars) }

    /// The whole text.
    mutating func expression() throws(InvalidPattern) -> PatternExpression {
        let expression = try choice()
        guard place == scalars.count else { throw InvalidPattern("has a ) that closes nothing") }
        return expression
    }

    private var next: Unicode.Scalar? { place < scalars.count ? scalars[place] : nil }

    /// Goes on behind these, if they are next.
    private mutating func take(_ text: String) -> Bool {
        let wanted = Array(text.unicodeScalars)
        guard scalars[place...].starts(with: wanted) else { return false }
        place += wanted.count
        return true
    }

    private mutating func choice() throws(InvalidPattern) -> PatternExpression {
        var ways = [try sequence()]
        while take("|") { ways.append(try sequence()) }
        return ways.count == 1 ? ways[0] : .choice(ways)
    }

    private mutating func sequence() throws(InvalidPattern) -> PatternExpression {
        var parts: [PatternExpression] = []
        while let scalar = next, scalar != "|", scalar != ")" { parts.append(try repeated()) }
        return parts.count == 1 ? parts[0] : .sequence(parts)
    }

    /// One part, with how often it may stand there.
    private mutating func repeated() throws(InvalidPattern) -> PatternExpression {
        let part = try atom()
        guard let (least, most) = try quantifier() else { return part }
        if case .place = part { throw InvalidPattern("repeats what has no length") }
        // How much it prefers to take does not matter for whether there is any way.
        _ = take("?")
        if try quantifier() != nil { throw InvalidPattern("repeats a repetition; put it into (?: )") }
        return .repetition(part, least: least, most: most)
    }

    private mutating func quantifier() throws(InvalidPattern) -> (least: Int, most: Int?)? {
        if take("*") { return (0, nil) }
        if take("+") { return (1, nil) }
        if take("?") { return (0, 1) }
        guard take("{") else { return nil }
        let least = try count()
        var most: Int? = least
        if take(",") { most = next == "}" ? nil : try count() }
        guard take("}"), most.map({ $0 >= least }) != false else {
            throw InvalidPattern("has a { } that is not {n}, {n,} or {n,m}; a { of the text is \\{")
        }
        return (least, most)
    }

    private mutating func count() throws(InvalidPattern) -> Int {
        var digits = ""
        while let scalar = next, ScalarSet.digit.contains(scalar) {
            digits.unicodeScalars.append(scalar)
            place += 1
        }
        guard let count = Int(digits), count <= Self.countLimit else {
            throw InvalidPattern("has a { } without numbers from 0 to \(Self.countLimit) in it")
        }
        return count
    }

    private mutating func atom() throws(InvalidPattern) -> PatternExpression {
        guard let scalar = next else { throw InvalidPattern("ends too early") }
        place += 1
        switch scalar {
        case "^": return .place(.start)
        case "$": return .place(.end)
        case ".": return .scalar(ScalarSet.lineEnd.inverted)
        case "(": return try group()
        case "[": return .scalar(try characterClass())
        case "\\":
            if take("b") { return .place(.wordEdge) }
            if take("B") { return .place(.noWordEdge) }
            return .scalar(try escaped())
        case "*", "+", "?", "{", "}", "]":
            throw InvalidPattern("has a \(scalar) that means nothing there; one of the text is \\\(scalar)")
        default: return .scalar(.only(scalar))
        }
    }

    private mutating func group() throws(InvalidPattern) -> PatternExpression {
        if take("?"), !take(":") {
            throw InvalidPattern("has a (? that ERA does not check; of these only (?: ) is known")
        }
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.depthLimit else {
            throw InvalidPattern("has more than \(Self.depthLimit) groups inside each other")
        }
        let expression = try choice()
        guard take(")") else { throw InvalidPattern("has a ( without its )") }
        // So that `(^)*`, which is allowed, is not taken for `^*`, which is not.
        return .sequence([expression])
    }

    /// What stands between `[` and `]`.
    private mutating func characterClass() throws(InvalidPattern) -> ScalarSet {
        let isInverted = take("^")
        var ranges: [ClosedRange<UInt32>] = []
        while !take("]") {
            let first = try member()
            guard place + 1 < scalars.count, next == "-", scalars[place + 1] != "]" else {
                ranges += first.allRanges
                continue
            }
            place += 1
            let last = try member()
            guard let low = first.single, let high = last.single, low <= high else {
                throw InvalidPattern("has a range in [ ] that is none; a - of the text is \\-")
            }
            ranges.append(low...high)
        }
        return ScalarSet(ranges: ranges, isInverted: isInverted)
    }

    /// A character or an escape inside `[ ]`.
    private mutating func member() throws(InvalidPattern) -> ScalarSet {
        guard let scalar = next else { throw InvalidPattern("has a [ without its ]") }
        place += 1
        guard scalar == "\\" else { return .only(scalar) }
        if take("-") { return .only("-") }
        if take("b") { return .only("\u{8}") }
        return try escaped()
    }

    /// What a backslash makes of what follows.
    private mutating func escaped() throws(InvalidPattern) -> ScalarSet {
        guard let scalar = next else { throw InvalidPattern("ends with a \\") }
        place += 1
        switch scalar {
        case "d": return .digit
        case "D": return ScalarSet.digit.inverted
        case "w": return .word
        case "W": return ScalarSet.word.inverted
        case "s": return .space
        case "S": return ScalarSet.space.inverted
        case "t": return .only("\t")
        case "n": return .only("\n")
        case "r": return .only("\r")
        case "f": return .only("\u{C}")
        case "v": return .only("\u{B}")
        case "x": return .only(try hexadecimal(digits: 2))
        case "u": return .only(take("{") ? try hexadecimal(digits: nil) : try hexadecimal(digits: 4))
        case "^", "$", "\\", ".", "*", "+", "?", "(", ")", "[", "]", "{", "}", "|", "/": return .only(scalar)
        default:
            throw InvalidPattern("has a \\\(scalar) that ERA does not check; see the list in docs/plugins.md")
        }
    }

    /// - Parameter digits: Nil up to a `}`.
    private mutating func hexadecimal(digits: Int?) throws(InvalidPattern) -> Unicode.Scalar {
        let end = digits.map { place + $0 } ?? scalars[place...].firstIndex(of: "}") ?? scalars.count
        guard end <= scalars.count else { throw InvalidPattern("has a \\x or \\u without its digits") }
        let text = String(String.UnicodeScalarView(scalars[place..<end]))
        place = digits == nil ? end + 1 : end
        guard text.utf8.allSatisfy({ Unicode.Scalar($0).properties.isASCIIHexDigit }), place <= scalars.count,
            let value = UInt32(text, radix: 16), let scalar = Unicode.Scalar(value)
        else { throw InvalidPattern("has a \\x or \\u that names no code point") }
        return scalar
    }
}

extension ScalarSet {
    /// The code point of a set of one.
    fileprivate var single: UInt32? {
        guard !isInverted, ranges.count == 1, ranges[0].count == 1 else { return nil }
        return ranges[0].lowerBound
    }
}
