/// Rows of cells, aligned in columns.
struct TextTable: Equatable, Sendable {
    /// One cell: its text without any controls, and its look.
    struct Cell: Equatable, Sendable, ExpressibleByStringLiteral {
        var text: String
        var look: Style.Look?

        init(_ text: String, _ look: Style.Look? = nil) {
            self.text = DisplayText.line(text)
            self.look = look
        }

        init(stringLiteral value: String) { self.init(value) }
    }

    /// Columns between two cells.
    static let gap = 3

    var header: [String]
    var rows: [[Cell]]

    init(_ header: [String], _ rows: [[Cell]] = []) {
        self.header = header
        self.rows = rows
    }

    /// The lines, the header first, without spaces at their ends.
    /// - Parameter columns: The width that no line may exceed; nil for any.
    func lines(_ style: Style, columns: Int? = nil) -> [String] {
        let all = (header.isEmpty ? [] : [Self.headerCells(header)]) + rows
        let widths = Self.widths(of: all)
        return all.map { Self.line($0, widths, style, columns) }
    }

    /// The header's cells.
    static func headerCells(_ header: [String]) -> [Cell] { header.map { Cell($0, .faint) } }

    /// How wide each column is, at least as wide as `least`.
    static func widths(of rows: [[Cell]], atLeast least: [Int] = []) -> [Int] {
        var widths = least
        for row in rows {
            for (column, cell) in row.enumerated() {
                let width = DisplayText.width(cell.text)
                if column == widths.count { widths.append(width) }
                widths[column] = max(widths[column], width)
            }
        }
        return widths
    }

    /// The lines as text.
    func text(_ style: Style) -> String { lines(style).map { $0 + "\n" }.joined() }

    /// One line of cells, in columns of the widths given.
    static func line(_ cells: [Cell], _ widths: [Int], _ style: Style, _ columns: Int? = nil) -> String {
        let last = cells.lastIndex { !$0.text.isEmpty } ?? -1
        var line = ""
        var used = 0
        for (index, cell) in cells.enumerated() where index <= last {
            let room = columns.map { max(0, $0 - used) } ?? .max
            let text = DisplayText.cut(cell.text, to: room)
            line += style.paint(text, cell.look)
            guard index < last, room > DisplayText.width(text) else { break }
            let wanted = widths[index] + gap - DisplayText.width(text)
            let spaces = min(wanted, room - DisplayText.width(text))
            line += String(repeating: " ", count: spaces)
            used += DisplayText.width(text) + spaces
        }
        return line
    }
}
