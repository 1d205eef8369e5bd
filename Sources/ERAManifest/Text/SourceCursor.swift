/// Walks once through a text, and tells lines and columns of offsets, and the surroundings of positions.
///
/// Only forwards: ask in ascending order. So a file of any shape costs one walk, however many places are
/// asked.
struct SourceCursor {
    private let bytes: [UInt8]
    private var offset = 0
    private(set) var position = SourcePosition.start

    init(_ text: SourceText) { bytes = text.bytes }

    /// The position of the character at `target`, an offset in bytes.
    mutating func advance(toOffset target: Int) -> SourcePosition {
        while offset < target, offset < bytes.count { step() }
        return position
    }

    /// Goes to `target`, or to the end of its line if the line is shorter.
    mutating func advance(to target: SourcePosition) {
        while offset < bytes.count, position < target {
            if position.line == target.line, isBreak(bytes[offset]) { break }
            step()
        }
    }

    /// The line around the cursor, at most ``excerptLimit`` code points of it, and how many stand before the
    /// cursor.
    ///
    /// Hidden characters and invalid bytes are replaced by U+FFFD, one for one.
    func excerpt() -> (line: String, caret: Int) {
        var start = offset
        var before = 0
        while start > 0, !isBreak(bytes[start - 1]) {
            if before == Self.excerptLimit / 2, isLead(bytes[start]) { break }
            start -= 1
            if isLead(bytes[start]) { before += 1 }
        }
        var end = offset
        var after = 0
        while end < bytes.count, !isBreak(bytes[end]) {
            if isLead(bytes[end]) {
                if after == Self.excerptLimit / 2 { break }
                after += 1
            }
            end += 1
        }
        var line = String.UnicodeScalarView()
        var caret = before
        if start > 0, !isBreak(bytes[start - 1]) {
            line.append("…")
            caret += 1
        }
        for scalar in String(decoding: bytes[start..<end], as: UTF8.self).unicodeScalars {
            line.append(isHidden(scalar.value) ? "\u{FFFD}" : scalar)
        }
        if end < bytes.count, !isBreak(bytes[end]) { line.append("…") }
        return (String(line), caret)
    }

    /// The longest part of a line that a diagnostic shows, in code points.
    static let excerptLimit = 200

    private mutating func step() {
        let byte = bytes[offset]
        offset += 1
        if byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") {
            if byte == UInt8(ascii: "\r"), offset < bytes.count, bytes[offset] == UInt8(ascii: "\n") {
                offset += 1
            }
            position = SourcePosition(line: position.line + 1, column: 1)
            return
        }
        while offset < bytes.count, !isLead(bytes[offset]) { offset += 1 }
        position.column += 1
    }

    private func isBreak(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") }
    private func isLead(_ byte: UInt8) -> Bool { byte & 0xC0 != 0x80 }
}
