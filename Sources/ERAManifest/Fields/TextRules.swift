import ERACore

/// The rules of texts that have no type of their own in ERACore.
enum TextRules {
    static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }

    /// 1 to 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends.
    static func isQualifiedName(_ text: some StringProtocol) -> Bool {
        let bytes = Array(text.utf8)
        guard let first = bytes.first, let last = bytes.last, bytes.count <= 63 else { return false }
        return isAlphanumeric(first) && isAlphanumeric(last)
            && bytes.allSatisfy { isAlphanumeric($0) || "-_.".utf8.contains($0) }
    }

    static func isLabelKey(_ text: String) -> Bool {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return isQualifiedName(text) }
        return parts[0].utf8.count <= 253 && isSubdomain(parts[0]) && isQualifiedName(parts[1])
    }

    static func isLabelValue(_ text: String) -> Bool { text.isEmpty || isQualifiedName(text) }

    /// Lower-case labels separated by dots (RFC 1123).
    private static func isSubdomain(_ text: Substring) -> Bool {
        text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            guard let first = label.utf8.first, let last = label.utf8.last else { return false }
            let isLower = { (byte: UInt8) in isAlphanumeric(byte) && !(0x41...0x5A).contains(byte) }
            return isLower(first) && isLower(last)
                && label.utf8.allSatisfy { isLower($0) || $0 == UInt8(ascii: "-") }
        }
    }

    /// Whether no component of the path is `..`, and it is not empty.
    static func isContained(_ path: String) -> Bool {
        !path.isEmpty && !path.split(separator: "/").contains("..")
    }

    static func isSecretKey(_ text: String) -> Bool {
        (1...253).contains(text.utf8.count) && text != "." && text != ".."
            && text.utf8.allSatisfy { isAlphanumeric($0) || "-_.".utf8.contains($0) }
    }

    /// Source: shadow's `useradd(8)`, and the largest number that is not reserved, 2³² − 2.
    static func isUser(_ text: String) -> Bool {
        if let number = UInt64(text), text.utf8.count <= 10, !text.hasPrefix("+") {
            return number < 0xFFFF_FFFF
        }
        let bytes = Array(text.utf8)
        guard let first = bytes.first, let last = bytes.last, bytes.count <= 32 else { return false }
        let isLower = { (byte: UInt8) in (0x61...0x7A).contains(byte) || byte == UInt8(ascii: "_") }
        let isInner = { (byte: UInt8) in
            isLower(byte) || (0x30...0x39).contains(byte) || byte == UInt8(ascii: "-")
        }
        guard isLower(first), bytes.dropFirst().dropLast().allSatisfy(isInner) else { return false }
        return bytes.count == 1 || isInner(last) || last == UInt8(ascii: "$")
    }

    static func isHostName(_ text: String) -> Bool {
        if AddressText.isAddress(text) { return true }
        let bytes = Array(text.utf8)
        guard let first = bytes.first, let last = bytes.last, bytes.count <= 253 else { return false }
        return isAlphanumeric(first) && isAlphanumeric(last)
            && bytes.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") }
    }

    static func isHTTPPath(_ text: String) -> Bool {
        text.hasPrefix("/") && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }

    static func isHeaderName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { isAlphanumeric($0) || "!#$%&'*+-.^_`|~".utf8.contains($0) }
    }

    static func isHeaderValue(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 == 0x09 || ($0 >= 0x20 && $0 != 0x7F) }
    }
}

extension Codec<String> {
    static let anyText = rule(.anyText) { _ in true }
    static let nonEmptyText = rule(.nonEmptyText) { !$0.isEmpty }

    /// A text of which a rule tells whether it has the format.
    static func rule(_ format: TextFormat, _ accepts: @escaping @Sendable (String) -> Bool) -> Codec {
        text(format) { text throws(InvalidValue) in
            guard accepts(text) else { throw InvalidValue(text, expected: format.noun) }
            return text
        } write: {
            $0
        }
    }
}

extension Codec where Value: Label {
    /// A name of its kind.
    static func label(_ example: String) -> Codec {
        text(.label(Value.noun, example)) { text throws(InvalidValue) in
            try Value(text)
        } write: {
            $0.rawValue
        }
    }
}
