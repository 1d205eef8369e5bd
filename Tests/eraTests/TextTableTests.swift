import Testing

@testable import era

@Suite struct `A table of text` {
    @Test func `aligns its columns and leaves no spaces at the ends of lines`() {
        let table = TextTable(["NAME", "PHASE"], [["web", "Running"], ["database", "Failed"], ["x", ""]])
        #expect(
            table.lines(Samples.plain) == [
                "NAME       PHASE", "web        Running", "database   Failed", "x",
            ]
        )
    }

    @Test func `counts the columns that a text takes, not its bytes or code points`() {
        let table = TextTable([], [["né", "1"], ["日本", "2"], ["abcd", "3"]])
        #expect(table.lines(Samples.plain) == ["né     1", "日本   2", "abcd   3"])
        #expect(DisplayText.width("e\u{301}") == 1)
        #expect(DisplayText.width("") == 0)
    }

    @Test(arguments: 0...20)
    func `never writes a line wider than it is told`(_ columns: Int) {
        let table = TextTable(["NAME", "MESSAGE"], [["database", "a long message"], ["日本", "短い日本語"]])
        for line in table.lines(Samples.plain, columns: columns) {
            #expect(DisplayText.width(line) <= columns, "\(line)")
        }
    }

    @Test func `colours a cell without moving the others`() {
        let table = TextTable([], [[.init("web"), .init("Failed", .red), .init("x")]])
        let coloured = table.lines(Style(usesColour: true))
        #expect(coloured == ["web   \u{1B}[31mFailed\u{1B}[0m   x"])
    }

    @Test func `shows what would move the cursor instead of writing it`() {
        let cell = TextTable.Cell("a\u{1B}[2Jb\nc\u{7}d\u{9B}e\u{202E}f\u{7F}")
        #expect(!cell.text.unicodeScalars.contains { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) })
        #expect(cell.text.hasPrefix("a␛[2Jb c"))
        #expect(!cell.text.unicodeScalars.contains("\u{202E}"))
        #expect(DisplayText.multiline("a\nb\u{1B}") == "a\nb␛")
    }

    @Test func `takes rows of different lengths`() {
        #expect(TextTable(["A", "B", "C"], [["1"], ["1", "2", "3", "4"]]).lines(Samples.plain).count == 3)
        #expect(TextTable([], []).lines(Samples.plain).isEmpty)
    }
}
