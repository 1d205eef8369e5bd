public import ERACore

/// Why a text is no JSON, and where.
public struct JSONSyntaxError: Error, Hashable, Sendable, CustomStringConvertible {
    public var position: SourcePosition
    /// Lower case: what is wrong.
    public var message: String

    public init(position: SourcePosition, message: String) {
        self.position = position
        self.message = message
    }

    public var description: String { "line \(position.line), column \(position.column): \(message)" }
}

/// What a JSON text may be at most.
public enum JSONLimits {
    /// Bytes of a text: 64 MiB, more than any answer of ERA's API.
    public static let sizeLimit = 64 << 20
    /// Arrays and objects inside each other.
    public static let depthLimit = 128
}

extension JSONValue {
    /// Reads a JSON text by RFC 8259, strictly: one value, no comments, no key twice, no lone surrogate.
    ///
    /// A number without fraction and exponent that fits 64 bits becomes an integer, any other a number.
    /// - Parameter nodeLimit: The most keys and values, for texts from strangers: each costs memory.
    /// - Throws: ``JSONSyntaxError`` with the place of the first fault, or for a text above ``JSONLimits``.
    public init(jsonText: [UInt8], nodeLimit: Int = .max) throws(JSONSyntaxError) {
        self = try JSONReader.read(
            jsonText,
            refusingDuplicates: true,
            depthLimit: JSONLimits.depthLimit,
            nodeLimit: nodeLimit
        ).json
    }
}

/// A recursive-descent reader of JSON that keeps places.
struct JSONReader {
    private let bytes: UnsafeBufferPointer<UInt8>
    private let refusesDuplicates: Bool
    private let depthLimit: Int
    private let nodeLimit: Int
    private var offset = 0
    private var line = 1
    private var lineStart = 0
    /// Continuation bytes since `lineStart`: columns count characters.
    private var continuations = 0
    private var depth = 0
    private var nodeCount = 0

    /// - Parameter refusingDuplicates: Whether a key that stands twice in an object is a fault.
    static func read(
        _ text: [UInt8],
        refusingDuplicates: Bool,
        depthLimit: Int,
        nodeLimit: Int
    ) throws(JSONSyntaxError) -> YAMLNode {
        guard text.count <= JSONLimits.sizeLimit else {
            let message = "the text has more than \(JSONLimits.sizeLimit >> 20) MiB"
            throw JSONSyntaxError(position: .start, message: message)
        }
        // The closure of withUnsafeBufferPointer rethrows untyped in some releases: the result carries the
        // error.
        let result = text.withUnsafeBufferPointer { bytes -> Result<YAMLNode, JSONSyntaxError> in
            var reader = JSONReader(bytes, refusingDuplicates, depthLimit: depthLimit, nodeLimit: nodeLimit)
            do throws(JSONSyntaxError) { return .success(try reader.text()) } catch { return .failure(error) }
        }
        return try result.get()
    }

    private init(
        _ bytes: UnsafeBufferPointer<UInt8>,
        _ refusesDuplicates: Bool,
        depthLimit: Int,
        nodeLimit: Int
    ) {
        self.bytes = bytes
        self.refusesDuplicates = refusesDuplicates
        self.depthLimit = depthLimit
        self.nodeLimit = nodeLimit
    }

    private var position: SourcePosition {
        SourcePosition(line: line, column: offset - lineStart - continuations + 1)
    }

    private func fault(_ message: String, at place: SourcePosition? = nil) -> JSONSyntaxError {
        JSONSyntaxError(position: place ?? position, message: message)
    }

    private var next: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    private mutating func text() throws(JSONSyntaxError) -> YAMLNode {
        skipSpace()
        let node = try value()
        skipSpace()
        guard next == nil else { throw fault("something follows the end of the value") }
        return node
    }

    private mutating func skipSpace() {
        while let byte = next {
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): offset += 1
            case UInt8(ascii: "\n"):
                offset += 1
                line += 1
                lineStart = offset
                continuations = 0
            default: return
            }
        }
    }

    private mutating func value() throws(JSONSyntaxError) -> YAMLNode {
        let start = position
        nodeCount += 1
        guard nodeCount <= nodeLimit else {
            throw fault("more than \(nodeLimit) keys and values in one file")
        }
        switch next {
        case UInt8(ascii: "{"): return YAMLNode(.mapping(try object()), at: start)
        case UInt8(ascii: "["): return YAMLNode(.sequence(try array()), at: start)
        case UInt8(ascii: "\""):
            let text = try string()
            return YAMLNode(.scalar(.init(value: .string(text), text: text, isPlain: false)), at: start)
        case let byte? where byte == UInt8(ascii: "-") || (0x30...0x39).contains(byte):
            return YAMLNode(.scalar(try number()), at: start)
        case nil: throw fault("the text ends where a value should be")
        default: return YAMLNode(.scalar(try word()), at: start)
        }
    }

    private mutating func word() throws(JSONSyntaxError) -> YAMLNode.Scalar {
        let words: [(String, JSONValue)] = [("true", true), ("false", false), ("null", .null)]
        for (word, value) in words where bytes[offset...].starts(with: word.utf8) {
            offset += word.utf8.count
            return .init(value: value, text: word, isPlain: true)
        }
        throw fault(
            "a JSON value should be here: {, [, a text in double quotes, a number, true, false or null"
        )
    }

    private mutating func enter() throws(JSONSyntaxError) {
        depth += 1
        guard depth <= depthLimit else {
            throw fault("more than \(depthLimit) arrays and objects inside each other")
        }
        offset += 1
        skipSpace()
    }

    private mutating func array() throws(JSONSyntaxError) -> [YAMLNode] {
        try enter()
        var elements: [YAMLNode] = []
        if next != UInt8(ascii: "]") {
            while true {
                elements.append(try value())
                skipSpace()
                guard next == UInt8(ascii: ",") else { break }
                offset += 1
                skipSpace()
            }
        }
        guard next == UInt8(ascii: "]") else { throw fault("a comma or ] should be here") }
        offset += 1
        depth -= 1
        return elements
    }

    private mutating func object() throws(JSONSyntaxError) -> [YAMLNode.Member] {
        try enter()
        var members: [YAMLNode.Member] = []
        var keys: Set<String> = []
        if next != UInt8(ascii: "}") {
            while true {
                let start = position
                guard next == UInt8(ascii: "\"") else { throw fault("a key in double quotes should be here") }
                let key = try string()
                nodeCount += 1
                guard keys.insert(key).inserted || !refusesDuplicates else {
                    throw fault("the key \(quoted(key)) stands twice in one object", at: start)
                }
                skipSpace()
                guard next == UInt8(ascii: ":") else { throw fault("a colon should be here") }
                offset += 1
                skipSpace()
                let value = try value()
                members.append(.init(key: key, keyPosition: start, keyIsPlain: false, value: value))
                skipSpace()
                guard next == UInt8(ascii: ",") else { break }
                offset += 1
                skipSpace()
            }
        }
        guard next == UInt8(ascii: "}") else { throw fault("a comma or } should be here") }
        offset += 1
        depth -= 1
        return members
    }

    private mutating func number() throws(JSONSyntaxError) -> YAMLNode.Scalar {
        let start = offset
        let place = position
        func digits() -> Int {
            let first = offset
            while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { offset += 1 }
            return offset - first
        }
        if next == UInt8(ascii: "-") { offset += 1 }
        let hasLeadingZero = next == UInt8(ascii: "0")
        let whole = digits()
        guard whole > 0, whole == 1 || !hasLeadingZero else {
            throw fault("a number begins with a digit, and with 0 only before a point", at: place)
        }
        var isInteger = true
        if next == UInt8(ascii: ".") {
            isInteger = false
            offset += 1
            guard digits() > 0 else { throw fault("a digit should follow the point") }
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            isInteger = false
            offset += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { offset += 1 }
            guard digits() > 0 else { throw fault("a digit should follow the exponent's e") }
        }
        guard offset - start <= ManifestLimits.numberLengthLimit else {
            throw fault("a number of more than \(ManifestLimits.numberLengthLimit) characters", at: place)
        }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        if isInteger, let value = Int64(text) {
            return .init(value: .integer(value), text: text, isPlain: true)
        }
        guard let value = Double(text), value.isFinite else {
            throw fault("\(text) is too large for a number", at: place)
        }
        return .init(value: .number(value), text: text, isPlain: true)
    }

    // MARK: Strings

    private mutating func string() throws(JSONSyntaxError) -> String {
        let start = position
        offset += 1
        var run = offset
        var text: [UInt8] = []
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                // Without escapes, the bytes are taken as they stand.
                let decoded =
                    text.isEmpty
                    ? String(decoding: bytes[run..<offset], as: UTF8.self)
                    : String(decoding: text + bytes[run..<offset], as: UTF8.self)
                offset += 1
                return decoded
            case UInt8(ascii: "\\"):
                text += bytes[run..<offset]
                try escape(into: &text)
                run = offset
            case 0x00...0x1F:
                throw fault("a control character in a text; write it as \\u\(hex(byte, 4))")
            case 0x20...0x7F: offset += 1
            default:
                guard let (_, length) = SourceText.codePoint(in: bytes, at: offset) else {
                    throw fault("invalid UTF-8: byte \(hex(byte, 2))")
                }
                offset += length
                continuations += length - 1
            }
        }
        throw fault("the text that begins here has no closing quote", at: start)
    }

    private mutating func escape(into text: inout [UInt8]) throws(JSONSyntaxError) {
        let place = position
        offset += 1
        guard let byte = next else { throw fault("the text ends inside an escape") }
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var value = try unit(from: place)
            if (0xD800...0xDBFF).contains(value), next == UInt8(ascii: "\\"), offset + 1 < bytes.count,
                bytes[offset + 1] == UInt8(ascii: "u")
            {
                offset += 2
                let low = try unit(from: place)
                guard (0xDC00...0xDFFF).contains(low) else {
                    throw fault("half of a surrogate pair", at: place)
                }
                value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(value) else {
                throw fault("half of a surrogate pair", at: place)
            }
            text += Array(String(Character(scalar)).utf8)
        default: throw fault("an unknown escape", at: place)
        }
    }

    /// Four hexadecimal digits.
    private mutating func unit(from place: SourcePosition) throws(JSONSyntaxError) -> UInt32 {
        let digits = bytes[offset..<min(offset + 4, bytes.count)]
        guard digits.count == 4,
            digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw fault("four hexadecimal digits should follow \\u", at: place) }
        offset += 4
        return value
    }
}
