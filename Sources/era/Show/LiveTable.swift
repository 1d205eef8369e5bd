import ERAAPI
import ERACore

/// A table of deployments that changes in place on a terminal, and tells changes line by line elsewhere.
///
/// Pure: it gives the text to write, and remembers what is on the screen. On a terminal it uses three control
/// sequences: cursor up, erase to the end of the line, erase to the end of the screen (ECMA-48, CUU, EL, ED).
struct LiveTable {
    /// Columns and rows of the terminal.
    typealias Size = (columns: Int, rows: Int)

    /// What a terminal that does not tell its size is taken for.
    static let assumedSize: Size = (80, 24)

    let isTerminal: Bool
    let style: Style
    let columns: DeploymentRow.Columns
    /// The lines on the screen, without looks: how wide each of them is.
    private var drawn: [Int] = []
    private var lastLines: [String] = []
    private var lastSize: Size = (0, 0)
    /// Elsewhere than on a terminal: the rows that were told last.
    private var told: [DeploymentKey: Told] = [:]
    private var widths: [Int] = []

    /// A row as it was told last.
    private struct Told {
        var object: DeploymentObject
        var change: [String]
    }

    init(isTerminal: Bool, style: Style, columns: DeploymentRow.Columns) {
        self.isTerminal = isTerminal
        self.style = style
        self.columns = columns
    }

    /// What to write so that the reader knows these deployments: on a terminal the whole table over the one
    /// that is there, elsewhere a line for each row that differs.
    ///
    /// - Parameter size: The terminal's at this moment; nil where it does not tell.
    /// - Returns: Nothing, when the reader knows it all.
    mutating func frame(_ objects: [DeploymentObject], now: WallTime, size: Size? = nil) -> String {
        let sorted = objects.sorted { $0.key < $1.key }
        return isTerminal ? redraw(sorted, now, size ?? Self.assumedSize) : changes(sorted, now)
    }

    /// What to write before other text takes the table's place; the next frame draws it anew.
    mutating func erase(size: Size? = nil) -> String {
        guard isTerminal, !drawn.isEmpty else { return "" }
        let text = returnToTop(size ?? Self.assumedSize) + "\u{1B}[J"
        drawn = []
        lastLines = []
        return text
    }

    // MARK: On a terminal

    private mutating func redraw(_ objects: [DeploymentObject], _ now: WallTime, _ size: Size) -> String {
        let rows = objects.map { DeploymentRow($0).cells(columns, now: now) }
        let lines = Self.fitting(TextTable(columns.header, rows), size)
        // A line as wide as the terminal would leave the cursor where terminals differ: one column stays
        // free.
        let width = max(1, size.columns - 1)
        let all = lines.header + lines.rows
        let columnWidths = TextTable.widths(of: all)
        let painted = all.map { TextTable.line($0, columnWidths, style, width) } + lines.rest
        guard painted != lastLines || size != lastSize || drawn.isEmpty else { return "" }
        let text = returnToTop(size) + painted.map { $0 + "\u{1B}[K\n" }.joined() + "\u{1B}[J"
        let plain = Style(usesColour: false)
        drawn = (all.map { TextTable.line($0, columnWidths, plain, width) } + lines.rest)
            .map(DisplayText.width)
        lastLines = painted
        lastSize = size
        return text
    }

    /// The rows that the screen has room for, and a line that counts the others.
    private static func fitting(
        _ table: TextTable,
        _ size: Size
    ) -> (header: [[TextTable.Cell]], rows: [[TextTable.Cell]], rest: [String]) {
        let header = [TextTable.headerCells(table.header)]
        guard !table.rows.isEmpty else {
            return ([], [], [DisplayText.cut("no deployments", to: size.columns - 1)])
        }
        // The header, and the line on which the cursor waits.
        let room = max(1, size.rows - 2)
        guard table.rows.count > room else { return (header, table.rows, []) }
        let shown = max(1, room - 1)
        let rest = "… and \(table.rows.count - shown) more"
        return (header, Array(table.rows.prefix(shown)), [DisplayText.cut(rest, to: size.columns - 1)])
    }

    /// To the first line of the table on the screen. A terminal that has become narrower has broken lines
    /// that were wider than it is now.
    private func returnToTop(_ size: Size) -> String {
        let lines = drawn.reduce(0) { $0 + max(1, ($1 + size.columns - 1) / max(1, size.columns)) }
        let reachable = min(lines, max(1, size.rows) - 1)
        return reachable > 0 ? "\r\u{1B}[\(reachable)A" : "\r"
    }

    // MARK: Elsewhere

    private mutating func changes(_ objects: [DeploymentObject], _ now: WallTime) -> String {
        var rows: [[TextTable.Cell]] = []
        var gone = told
        for object in objects {
            gone[object.key] = nil
            let row = DeploymentRow(object)
            let change = row.changeText(columns)
            guard told[object.key]?.change != change else { continue }
            told[object.key] = Told(object: object, change: change)
            rows.append(row.cells(columns, now: now))
        }
        for (key, row) in gone.sorted(by: { $0.key < $1.key }) {
            told[key] = nil
            var cells = DeploymentRow(row.object).cells(columns, now: now)
            cells[columns.showsNamespace ? 2 : 1] = .init(Phase.deleted.rawValue, .faint)
            cells[columns.showsNamespace ? 3 : 2] = .init("False")
            rows.append(Array(cells.dropLast(2)))
        }
        guard !rows.isEmpty else { return "" }
        let isFirst = widths.isEmpty
        if isFirst { rows.insert(TextTable.headerCells(columns.header), at: 0) }
        widths = TextTable.widths(of: rows, atLeast: widths)
        return rows.map { TextTable.line($0, widths, style) + "\n" }.joined()
    }
}

/// Shows a ``LiveTable`` on standard output.
struct LiveTableWriter {
    var table: LiveTable

    init(columns: DeploymentRow.Columns, _ terminal: Terminal = .output) {
        table = LiveTable(
            isTerminal: terminal.isInteractive,
            style: Style(usesColour: terminal.usesColour),
            columns: columns
        )
    }

    /// Brings what is shown up to date.
    mutating func show(_ objects: some Sequence<DeploymentObject>) {
        Console.output(table.frame(Array(objects), now: .now(), size: Terminal.size()))
    }

    /// Writes text above the table.
    mutating func interrupt(with text: String) {
        Console.output(table.erase(size: Terminal.size()) + text)
    }
}
