import Testing

@Suite struct `The operations guide explains every word that a status can show` {
    /// Words in quotes on the lines of a file that hold the marker.
    static func words(in path: String, onLinesWith marker: String) -> [String] {
        let file = Repository.files.first { $0.path == path }
        return (file?.lines ?? []).compactMap { line in
            guard let start = line.firstRange(of: marker) else { return nil }
            let word = line[start.upperBound...].prefix { $0.isLetter }
            return word.first?.isUppercase == true ? String(word) : nil
        }
    }

    static let failures = words(in: "Sources/ERACore/Model/Failure.swift", onLinesWith: "Self(rawValue: \"")
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
