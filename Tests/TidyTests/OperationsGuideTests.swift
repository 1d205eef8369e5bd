import Testing

@Suite struct `The operations guide explains every word that a status can show` {
    /// Words in quotes behind the marker, in the files whose path begins like this.
    static func words(in path: String, onLinesWith marker: String) -> [String] {
        Repository.files.filter { $0.path.hasPrefix(path) }.flatMap(\.lines).compactMap { line in
            guard let start = line.firstRange(of: marker) else { return nil }
            let word = line[start.upperBound...].prefix { $0.isLetter }
            return word.first?.isUppercase == true ? String(word) : nil
        }
    }

    static let failures = words(in: "Sources/", onLinesWith: "Self(rawValue: \"")
    static let waits = words(in: "Sources/ERACore/Lifecycle/Wait.swift", onLinesWith: ": \"")

    @Test func `the words are found`() {
        #expect(Self.failures.count >= 20 && Self.waits.count >= 10)
    }

    @Test(arguments: Set(failures + waits).sorted())
    func `by a row of its own`(_ word: String) throws {
        let guide = try #require(Repository.documents.first { $0.path == "docs/operations.md" })
        #expect(guide.lines.contains { $0.hasPrefix("| `\(word)` |") }, "\(word) has no row")
    }
}
