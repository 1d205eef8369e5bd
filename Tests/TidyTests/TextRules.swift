extension Rule {
    // Put together here, so that this file keeps its own rules.
    private static let loose = ["TO" + "DO", "FIX" + "ME", "XX" + "X:"]
    private static let machinePaths = ["/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/"]

    /// What is to be done stands in an issue, with the reason why it is not done.
    static let noLooseEnds = Rule(
        name: "nothing is left for later in a comment",
        applies: { _ in true },
        violations: { find(loose, in: $0) { "\($0): do it, or open an issue" } },
        planted: loose.map { TextFile(path: "X.md", text: "a\n# \($0) later") },
        innocent: [TextFile(path: "X.md", text: "to" + "do in lower case is a word")]
    )

    /// What only exists on one machine helps nobody else.
    static let noMachinePaths = Rule(
        name: "no path of one machine is written down",
        applies: { _ in true },
        violations: { find(machinePaths, in: $0) { "\($0) is a place on somebody's machine" } },
        planted: machinePaths.map { TextFile(path: "X.md", text: "see \($0)x") },
        innocent: [
            TextFile(path: "X.md", text: "`samples/network/` and https://example.org/wo" + "rk/x")
        ]
    )

    private static func find(
        _ words: [String],
        in file: TextFile,
        _ message: (String) -> String
    ) -> [Violation] {
        file.lines.enumerated().flatMap { index, line in
            words.filter { stands($0, in: line) }.map {
                Violation(path: file.path, line: index + 1, message: message($0))
            }
        }
    }

    /// A path counts only where it begins: not within a longer path or address.
    private static func stands(_ word: String, in line: Substring) -> Bool {
        guard word.hasPrefix("/") else { return line.contains(word) }
        var rest = line
        while let found = rest.firstRange(of: word) {
            let before =
                found.lowerBound == line.startIndex ? " " : line[line.index(before: found.lowerBound)]
            if !(before.isLetter || before.isNumber || "._-~*/)}>".contains(before)) { return true }
            rest = line[found.upperBound...]
        }
        return false
    }

    /// A link into this repository leads somewhere.
    static let links = Rule(
        name: "every link in the documents resolves",
        applies: { $0.hasSuffix(".md") },
        violations: { file in
            file.lines.enumerated().flatMap { index, line in
                relativeLinks(line).compactMap { link in
                    let directory = file.path.split(separator: "/").dropLast().map(String.init)
                    guard let target = resolve(link, from: directory), Repository.exists(target) else {
                        return Violation(path: file.path, line: index + 1, message: "\(link) is not there")
                    }
                    return nil
                }
            }
        },
        planted: [
            TextFile(path: "docs/x.md", text: "[a](missing.md)"),
            TextFile(path: "docs/x.md", text: "![a](../docs/missing.svg \"title\")"),
            TextFile(path: "docs/x.md", text: "[a](../../outside.md)"),
            TextFile(path: "docs/x.md", text: "[a](../README.md), [b](missing.md#part)"),
            TextFile(path: "docs/x.md", text: "<img src=\"missing.svg\">"),
        ],
        innocent: [
            TextFile(path: "docs/x.md", text: "[a](https://example.org/x) [b](#part) [c](../README.md#part)"),
            TextFile(path: "x.md", text: "<img src=\"README.md\"> [a] (b) [d](mailto:x@example.org)"),
        ]
    )

    /// The targets of `[text](target)` and `src="target"` that are no addresses and no anchors.
    private static func relativeLinks(_ line: Substring) -> [String] {
        [("](", ")"), ("src=\"", "\"")].flatMap { opening, closing in
            var links: [String] = []
            var rest = line
            while let start = rest.firstRange(of: opening) {
                rest = rest[start.upperBound...]
                guard let end = rest.firstRange(of: closing) else { break }
                let target = rest[..<end.lowerBound].prefix { $0 != " " && $0 != "#" }
                if !target.isEmpty, !target.contains(":") { links.append(String(target)) }
            }
            return links
        }
    }

    /// The path from the root; nil for one that leaves it.
    private static func resolve(_ link: String, from directory: [String]) -> String? {
        var components = link.hasPrefix("/") ? [] : directory
        for part in link.split(separator: "/").map(String.init) where part != "." {
            if part != ".." {
                components.append(part)
            } else if components.popLast() == nil {
                return nil
            }
        }
        return components.joined(separator: "/")
    }
}
