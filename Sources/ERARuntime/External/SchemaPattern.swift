/// A regular expression of a schema, found in a text in time that grows with the text and no faster.
///
/// What JSON Schema means by `pattern` is ECMA-262's with the flag `u`; this is the part of it that
/// remembers nothing. Swift's own `Regex` tries one way after the other, so that `^(\w+ ?)*$` and a text of
/// thirty letters would hold a thread of the daemon for hours. Here all ways are followed at once (Ken
/// Thompson, "Regular Expression Search Algorithm", 1968).
struct SchemaPattern: Hashable, Sendable {
    /// Bytes of an expression.
    static let sizeLimit = 1024
    /// States that an expression may need: `(a{100}){100}` has too many.
    static let stateLimit = 4096
    /// Code points of a text that is looked at.
    static let textLimit = 4096

    /// A place between two code points, for `^`, `$`, `\b` and `\B`.
    enum Place: Hashable, Sendable { case start, end, wordEdge, noWordEdge }

    private enum State: Hashable, Sendable {
        case scalar(ScalarSet, next: Int)
        case either(Int, Int)
        case place(Place, next: Int)
        case found
    }

    private var states: [State] = []
    private var start = 0

    /// - Throws: ``InvalidPattern`` for what ECMA-262 does not allow, or is not supported here.
    init(_ text: String) throws(InvalidPattern) {
        guard text.utf8.count <= Self.sizeLimit else {
            throw InvalidPattern("has more than \(Self.sizeLimit) bytes")
        }
        var parser = PatternParser(text)
        let expression = try parser.expression()
        let end = try add(.found)
        start = try add(expression, before: end)
    }

    /// - Returns: The number of the state.
    private mutating func add(_ state: State) throws(InvalidPattern) -> Int {
        guard states.count < Self.stateLimit else {
            throw InvalidPattern("repeats too much; ask for less with { }, or use maxLength")
        }
        states.append(state)
        return states.count - 1
    }

    /// Adds what an expression needs, from its end to its beginning.
    ///
    /// - Returns: The state that it begins with.
    private mutating func add(
        _ expression: PatternExpression,
        before next: Int
    ) throws(InvalidPattern) -> Int {
        switch expression {
        case .scalar(let set): return try add(.scalar(set, next: next))
        case .place(let place): return try add(.place(place, next: next))
        case .sequence(let parts):
            var next = next
            for part in parts.reversed() { next = try add(part, before: next) }
            return next
        case .choice(let parts):
            var first: Int?
            for part in parts.reversed() {
                let way = try add(part, before: next)
                if let other = first { first = try add(.either(way, other)) } else { first = way }
            }
            return first ?? next
        case .repetition(let part, let least, let most):
            var next = next
            if let most {
                let end = next
                for _ in least..<most { next = try add(.either(try add(part, before: next), end)) }
            } else {
                let loop = try add(.either(next, next))
                states[loop] = .either(try add(part, before: loop), next)
                next = loop
            }
            for _ in 0..<least {
                let count = states.count
                next = try add(part, before: next)
                // What is empty is as good once as often.
                if states.count == count { break }
            }
            return next
        }
    }

    /// The most steps that ``isFound(in:)`` takes for a text.
    func steps(for text: String) -> Int { min(text.unicodeScalars.count, Self.textLimit) * states.count }

    /// Whether some part of the text is what the expression describes.
    ///
    /// - Returns: Nil for a text above ``textLimit``.
    func isFound(in text: String) -> Bool? {
        let scalars = Array(text.unicodeScalars.prefix(Self.textLimit + 1))
        guard scalars.count <= Self.textLimit else { return nil }
        var reached: [Int] = []
        // The last place at which each state was reached: no state is followed twice from one place.
        var reachedAt = [Int](repeating: -1, count: states.count)
        for place in 0...scalars.count {
            var pending = reached + [start]
            reached = []
            while let number = pending.popLast() {
                guard reachedAt[number] != place else { continue }
                reachedAt[number] = place
                switch states[number] {
                case .found: return true
                case .either(let one, let other): pending += [one, other]
                case .place(let wanted, let next):
                    if Self.holds(wanted, at: place, in: scalars) { pending.append(next) }
                case .scalar(let set, let next):
                    if place < scalars.count, set.contains(scalars[place]) { reached.append(next) }
                }
            }
        }
        return false
    }

    private static func holds(_ wanted: Place, at place: Int, in scalars: [Unicode.Scalar]) -> Bool {
        func isWord(_ index: Int) -> Bool {
            scalars.indices.contains(index) && ScalarSet.word.contains(scalars[index])
        }
        return switch wanted {
        case .start: place == 0
        case .end: place == scalars.count
        case .wordEdge: isWord(place - 1) != isWord(place)
        case .noWordEdge: isWord(place - 1) == isWord(place)
        }
    }
}

/// Why an expression is not accepted, as the end of a sentence about it.
struct InvalidPattern: Error, Hashable, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Some of all code points.
struct ScalarSet: Hashable, Sendable {
    var ranges: [ClosedRange<UInt32>]
    var isInverted = false

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        ranges.contains { $0.contains(scalar.value) } != isInverted
    }

    var inverted: ScalarSet { ScalarSet(ranges: ranges, isInverted: !isInverted) }

    /// All that the set has, as ranges.
    var allRanges: [ClosedRange<UInt32>] {
        guard isInverted else { return ranges }
        var rest: [ClosedRange<UInt32>] = []
        var first: UInt32 = 0
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if range.lowerBound > first { rest.append(first...(range.lowerBound - 1)) }
            first = max(first, range.upperBound + 1)
        }
        return rest + [first...0x10FFFF]
    }

    static func only(_ scalar: Unicode.Scalar) -> ScalarSet {
        ScalarSet(ranges: [scalar.value...scalar.value])
    }

    /// `\d`
    static let digit = ScalarSet(ranges: [0x30...0x39])
    /// `\w`
    static let word = ScalarSet(ranges: [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
    /// What ends a line (ECMA-262, section 12.3); `.` is everything else.
    static let lineEnd = ScalarSet(ranges: [0x0A...0x0A, 0x0D...0x0D, 0x2028...0x2029])
    /// `\s` (ECMA-262, sections 12.2 and 12.3).
    static let space = ScalarSet(
        ranges: [
            0x09...0x0D, 0x20...0x20, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029,
            0x202F...0x202F, 0x205F...0x205F, 0x3000...0x3000, 0xFEFF...0xFEFF,
        ]
    )
}
