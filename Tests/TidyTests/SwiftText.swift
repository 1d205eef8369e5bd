/// One line of a Swift file, taken apart.
struct SwiftLine: Equatable, Sendable {
    /// The line without comments, and with string literals emptied.
    var code = ""
    /// What stands behind `//`, or within `/* */`; nil where there is no comment.
    var comment: String?

    var trimmedCode: Substring { code.trimmingPrefix { $0 == " " } }
    var isBlank: Bool { trimmedCode.isEmpty && comment == nil }
    /// `///`
    var isDocumentation: Bool { comment?.hasPrefix("/") ?? false }
}

/// Takes Swift source apart into code and comments, so that no rule stumbles over a word in a text.
///
/// Knows line and nested block comments, plain, raw and multi-line strings, and code in interpolations. Does
/// not know regular expression literals, which this package does not use.
struct SwiftText {
    private enum Mode {
        /// With the depth of parentheses inside an interpolation; nil outside of one.
        case code(parentheses: Int?)
        case string(pounds: Int, isMultiLine: Bool)
        case blockComment(depth: Int)
    }

    let lines: [SwiftLine]

    init(_ text: String) {
        var scanner = Scanner(Array(text.utf8))
        scanner.run()
        lines = scanner.lines
    }

    private struct Scanner {
        let bytes: [UInt8]
        var lines = [SwiftLine]()
        private var line = SwiftLine()
        private var codeBytes: [UInt8] = []
        private var commentBytes: [UInt8]?
        private var modes: [Mode] = [.code(parentheses: nil)]
        private var index = 0

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        mutating func run() {
            while index < bytes.count {
                if bytes[index] == UInt8(ascii: "\n") {
                    endLine()
                    index += 1
                    continue
                }
                switch modes.last {
                case .string(let pounds, let isMultiLine): scanString(pounds, isMultiLine)
                case .blockComment(let depth): scanBlockComment(depth)
                case .code(let parentheses): scanCode(parentheses)
                case nil: return
                }
            }
            endLine()
        }

        private mutating func endLine() {
            line.code = String(decoding: codeBytes, as: UTF8.self)
            line.comment = commentBytes.map { String(decoding: $0, as: UTF8.self) }
            lines.append(line)
            line = SwiftLine()
            codeBytes = []
            commentBytes = nil
        }

        private func sees(_ text: StaticString) -> Bool {
            index + text.utf8CodeUnitCount <= bytes.count
                && (0..<text.utf8CodeUnitCount).allSatisfy { bytes[index + $0] == text.utf8Start[$0] }
        }

        private func pounds(from start: Int) -> Int {
            bytes[start...].prefix { $0 == UInt8(ascii: "#") }.count
        }

        private mutating func scanCode(_ parentheses: Int?) {
            if sees("//") {
                index += 2
                let end = bytes[index...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
                commentBytes = Array(bytes[index..<end])
                index = end
            } else if sees("/*") {
                modes.append(.blockComment(depth: 1))
                commentBytes = commentBytes ?? []
                index += 2
            } else if opensString() {
                return
            } else {
                if let parentheses {
                    if bytes[index] == UInt8(ascii: "(") {
                        modes[modes.count - 1] = .code(parentheses: parentheses + 1)
                    } else if bytes[index] == UInt8(ascii: ")") {
                        if parentheses == 1 {
                            modes.removeLast()
                        } else {
                            modes[modes.count - 1] = .code(parentheses: parentheses - 1)
                        }
                    }
                }
                codeBytes.append(bytes[index])
                index += 1
            }
        }

        private mutating func opensString() -> Bool {
            let start = index
            let pounds = pounds(from: index)
            index += pounds
            guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else {
                index = start
                return false
            }
            let isMultiLine = sees("\"\"\"")
            index += isMultiLine ? 3 : 1
            codeBytes.append(UInt8(ascii: "\""))
            modes.append(.string(pounds: pounds, isMultiLine: isMultiLine))
            return true
        }

        private mutating func scanString(_ pounds: Int, _ isMultiLine: Bool) {
            let isEscape = bytes[index] == UInt8(ascii: "\\") && self.pounds(from: index + 1) >= pounds
            if isEscape {
                index += 1 + pounds
                guard index < bytes.count else { return }
                if bytes[index] == UInt8(ascii: "(") {
                    codeBytes.append(UInt8(ascii: "("))
                    modes.append(.code(parentheses: 1))
                }
                // The end of the line behind a `\` is left to `run`.
                if bytes[index] != UInt8(ascii: "\n") { index += 1 }
                return
            }
            let quotes = isMultiLine ? 3 : 1
            if isMultiLine ? sees("\"\"\"") : sees("\""), self.pounds(from: index + quotes) >= pounds {
                codeBytes.append(UInt8(ascii: "\""))
                modes.removeLast()
                index += quotes + pounds
                return
            }
            index += 1
        }

        private mutating func scanBlockComment(_ depth: Int) {
            if sees("/*") {
                modes[modes.count - 1] = .blockComment(depth: depth + 1)
                index += 2
            } else if sees("*/") {
                if depth == 1 {
                    modes.removeLast()
                } else {
                    modes[modes.count - 1] = .blockComment(depth: depth - 1)
                }
                index += 2
            } else {
                commentBytes = (commentBytes ?? []) + [bytes[index]]
                index += 1
            }
        }
    }
}

extension StringProtocol {
    /// The text behind the characters at its front that satisfy the predicate.
    func trimmingPrefix(_ isTrimmed: (Character) -> Bool) -> SubSequence { drop(while: isTrimmed) }

    /// Whether the text occurs, not as part of a longer word.
    func containsWord(_ word: String) -> Bool {
        func belongsToWord(_ character: Character) -> Bool {
            character == "_" || character.isLetter || character.isNumber
        }
        var rest = self[...]
        while let found = rest.firstRange(of: word) {
            let startsWord =
                found.lowerBound == startIndex || !belongsToWord(self[index(before: found.lowerBound)])
                || !(word.first.map(belongsToWord) ?? false)
            let endsWord =
                found.upperBound == endIndex || !belongsToWord(self[found.upperBound])
                || !(word.last.map(belongsToWord) ?? false)
            if startsWord, endsWord { return true }
            rest = self[found.upperBound...]
        }
        return false
    }

    /// The first place where the text occurs.
    func firstRange(of text: String) -> Range<Index>? {
        guard let first = text.first else { return nil }
        var start = startIndex
        while let candidate = self[start...].firstIndex(of: first) {
            if self[candidate...].hasPrefix(text) {
                return candidate..<index(candidate, offsetBy: text.count)
            }
            start = index(after: candidate)
        }
        return nil
    }
}
