extension Rule {
    /// One idea a file is about 300 lines; twice that is certainly two ideas.
    static let fileLengthLimit = 600
    /// A function is about 60 lines; more than this is certainly two functions.
    static let functionLengthLimit = 100

    /// The limit of .swift-format, which lets comments pass.
    static let commentWidthLimit = 110

    static let commentWidth = Rule(
        name: "a comment is no wider than the code",
        applies: { $0.hasSuffix(".swift") },
        violations: { file in
            file.lines.enumerated().compactMap { index, line in
                let words = line.split(separator: " ")
                // What has no second word, such as a long address, cannot be broken.
                guard line.count > commentWidthLimit, words.count > 2, words[0].hasPrefix("//") else {
                    return nil
                }
                let message = "\(line.count) columns, more than \(commentWidthLimit)"
                return Violation(path: file.path, line: index + 1, message: message)
            }
        },
        planted: [TextFile(path: "X.swift", text: "    /// " + String(repeating: "a word ", count: 15))],
        innocent: [
            TextFile(path: "X.swift", text: "    /// " + String(repeating: "ä wörd ", count: 14)),
            TextFile(path: "X.swift", text: "/// https://example.org/" + String(repeating: "x", count: 100)),
        ]
    )

    static let fileLength = Rule(
        name: "a file is one idea",
        applies: { $0.hasSuffix(".swift") },
        violations: { file in
            let count = file.lines.count
            guard count > fileLengthLimit else { return [] }
            return [
                Violation(path: file.path, line: nil, message: "\(count) lines, more than \(fileLengthLimit)")
            ]
        },
        planted: [TextFile(path: "X.swift", text: String(repeating: "\n", count: fileLengthLimit))],
        innocent: [TextFile(path: "X.swift", text: String(repeating: "\n", count: fileLengthLimit - 1))]
    )

    static let functionLength = Rule(
        name: "a function fits on two screens",
        applies: { $0.hasSuffix(".swift") },
        violations: { file in
            functions(file.swiftLines).compactMap { function in
                guard function.length > functionLengthLimit else { return nil }
                let message = "a function of \(function.length) lines, more than \(functionLengthLimit)"
                return Violation(path: file.path, line: function.line, message: message)
            }
        },
        planted: [TextFile(path: "X.swift", text: longFunction(functionLengthLimit))],
        innocent: [TextFile(path: "X.swift", text: longFunction(functionLengthLimit - 2))]
    )

    private static func longFunction(_ lines: Int) -> String {
        "struct X {\n    func f() {\n\(String(repeating: "        g(\"}\")\n", count: lines - 1))    }\n}\n"
    }

    /// Each function with a body: where it begins and how many lines it has.
    private static func functions(_ lines: [SwiftLine]) -> [(line: Int, length: Int)] {
        lines.indices.compactMap { start in
            let code = lines[start].code
            guard code.containsWord("func") || code.containsWord("init"), declaresFunction(code) else {
                return nil
            }
            var depth = 0
            var hasBody = false
            for index in start..<lines.count {
                for character in lines[index].code {
                    if character == "{" {
                        depth += 1
                        hasBody = true
                    } else if character == "}" {
                        depth -= 1
                    }
                }
                if depth < 0 { return nil }
                if hasBody, depth == 0 { return (start + 1, index - start + 1) }
            }
            return nil
        }
    }

    private static func declaresFunction(_ code: String) -> Bool {
        let words = code.split(whereSeparator: { " (<?!".contains($0) })
        let modifiers: Set<Substring> = [
            "public", "package", "internal", "private", "fileprivate", "static", "mutating", "override",
            "final",
            "nonisolated", "convenience", "required", "class", "consuming", "borrowing", "isolated",
        ]
        return words.first { !modifiers.contains($0) && !$0.hasPrefix("@") }
            .map { $0 == "func" || $0 == "init" } ?? false
    }

    /// A type says what it is, and a function of another module's interface what it does. What a name and a
    /// type tell by themselves (stored properties, memberwise initialisers, cases, requirements of the
    /// standard library's protocols) needs no sentence.
    static let documentation = Rule(
        name: "types and public functions are documented",
        applies: { isSource($0) && $0.hasSuffix(".swift") },
        violations: { file in
            let lines = file.swiftLines
            return lines.indices.compactMap { index in
                guard let declared = undocumentedKind(lines, index) else { return nil }
                return Violation(path: file.path, line: index + 1, message: "\(declared) has no ///")
            }
        },
        planted: [
            "struct X {}", "public enum Y: Int {", "    public func f() {}",
            "// Not this.\npublic protocol P {}",
            "/// No.\n\nactor A {}", "public static func f() {}", "@Sendable\npublic mutating func g() {}",
        ].map { TextFile(path: "Sources/ERAEngine/X.swift", text: $0) },
        innocent: [
            "/// Yes.\nstruct X {}", "private struct X {}", "/// Yes.\n@frozen\npublic enum Y: Int {",
            "func f() {}",
            "public func encode(to encoder: any Encoder) throws {}",
            "public static func < (a: X, b: X) -> Bool {}",
            "    let x: X.Type", "/// Yes.\n// And why.\nstruct X {}", "extension X {",
            "enum CodingKeys: String {",
            "    public struct Nested: Hashable {", "class func f()",
            "public func makeAsyncIterator() -> Iterator {", "public func snapshot() async throws {}",
        ].map { TextFile(path: "Sources/ERAEngine/X.swift", text: $0) }
    )

    /// What is declared on the line that has to be documented and is not.
    private static func undocumentedKind(_ lines: [SwiftLine], _ index: Int) -> String? {
        let code = lines[index].code
        var words = code.split(separator: " ")[...]
        var isPublic = false
        while let word = words.first {
            if word == "private" || word == "fileprivate" { return nil }
            if word == "public" || word == "package" { isPublic = true }
            guard modifiers.contains(word) || word.hasPrefix("@") else { break }
            words.removeFirst()
        }
        guard let keyword = words.first, words.count > 1 else { return nil }
        let name = words[words.startIndex + 1].prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "`" }
        switch keyword {
        case "struct", "enum", "class", "actor", "protocol":
            // A nested type is read together with the documentation of the one around it.
            guard !code.hasPrefix(" "), name != "func", name != "var", name != "CodingKeys" else {
                return nil
            }
        case "func":
            guard isPublic, !name.isEmpty, !requirements.contains(String(name)) else { return nil }
        default:
            return nil
        }
        var above = index - 1
        while above >= 0, lines[above].trimmedCode.hasPrefix("@") || isPlainComment(lines[above]) {
            above -= 1
        }
        return above >= 0 && lines[above].isDocumentation ? nil : "\(keyword) \(name)"
    }

    /// Functions that a protocol documents: the contracts' own, and those of the libraries in use.
    private static let requirements: Set<String> = {
        let contracts = Repository.sources.filter { $0.path.hasPrefix("Sources/ERAContracts/") }
        let own = contracts.flatMap(\.swiftLines).compactMap { line -> String? in
            guard line.code.hasPrefix("    func ") else { return nil }
            return String(line.trimmedCode.dropFirst("func ".count).prefix { $0.isLetter || $0.isNumber })
        }
        return Set(
            own + ["encode", "hash", "makeAsyncIterator", "next", "run", "validate", "sleep", "enqueue"]
        )
    }()

    private static func isPlainComment(_ line: SwiftLine) -> Bool {
        line.trimmedCode.isEmpty && line.comment != nil && !line.isDocumentation
    }

    private static let modifiers: Set<Substring> = [
        "public", "package", "internal", "static", "mutating", "final", "nonisolated", "indirect",
        "consuming",
        "borrowing", "distributed",
    ]
}
