import Testing

@Suite struct `Decision records are complete` {
    static let records = Repository.documents.filter { file in
        file.path.hasPrefix("docs/adr/") && file.name != "README.md"
    }

    @Test(arguments: records.map(\.path))
    func `context, decision and consequences, in this order`(_ path: String) throws {
        let record = try #require(Self.records.first { $0.path == path })
        #expect(Self.sections(record) == ["Context", "Decision", "Consequences"])
        #expect(record.lines.first?.hasPrefix("# ") ?? false, "a record begins with its title")
    }

    @Test(arguments: records.map(\.path))
    func `the index lists the record`(_ path: String) throws {
        let record = try #require(Self.records.first { $0.path == path })
        let index = try #require(Repository.documents.first { $0.path == "docs/adr/README.md" })
        #expect(index.text.contains("](\(record.name))"))
    }

    @Test func `numbers run from one without a gap`() {
        let numbers = Self.records.map { Int($0.name.prefix(4)) }
        #expect(numbers == Array(1...max(1, Self.records.count)).map(Optional.some))
    }

    @Test func `a record without its consequences is noticed`() {
        let record = TextFile(path: "docs/adr/0001-x.md", text: "# X\n## Context\n\n## Decision\n")
        #expect(Self.sections(record) == ["Context", "Decision"])
    }

    private static func sections(_ record: TextFile) -> [String] {
        record.lines.filter { $0.hasPrefix("## ") }.map { String($0.dropFirst(3)) }
    }
}
