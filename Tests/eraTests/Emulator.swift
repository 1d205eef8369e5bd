/// A terminal that understands what ``LiveTable`` writes: printable text, carriage return, line feed, cursor
/// up, erase to the end of the line, erase to the end of the screen. Anything else is a failure.
struct Emulator {
    private(set) var columns: Int
    private(set) var rows: Int
    /// What has scrolled off at the top, then the screen.
    private(set) var scrolledOff: [String] = []
    private var lines: [[Character]] = [[]]
    private var row = 0
    private var column = 0
    private(set) var unknown: [String] = []

    init(columns: Int, rows: Int) {
        self.columns = columns
        self.rows = rows
    }

    /// The lines on the screen, without spaces at their ends and empty lines at the end.
    var screen: [String] {
        var texts = lines.map { line in
            var text = String(line)
            while text.hasSuffix(" ") { text.removeLast() }
            return text
        }
        while texts.last == "" { texts.removeLast() }
        return texts
    }

    mutating func write(_ text: String) {
        var rest = Substring(text)
        while let character = rest.first {
            rest = rest.dropFirst()
            switch character {
            case "\r": column = 0
            case "\n":
                feed()
                column = 0
            case "\r\n":
                feed()
                column = 0
            case "\u{1B}": escape(&rest)
            default: put(character)
            }
        }
    }

    /// Makes the terminal narrower or wider; lines that no longer fit are broken, as most terminals do.
    mutating func resize(columns: Int, rows: Int) {
        var broken: [[Character]] = []
        var newRow = 0
        for (index, line) in lines.enumerated() {
            if index == row { newRow = broken.count }
            var rest = line[...]
            repeat {
                broken.append(Array(rest.prefix(columns)))
                rest = rest.dropFirst(columns)
            } while !rest.isEmpty
        }
        (self.columns, self.rows, lines, row) = (columns, rows, broken, newRow)
        while lines.count > rows { scroll() }
    }

    private mutating func put(_ character: Character) {
        if column >= columns {
            feed()
            column = 0
        }
        while lines[row].count <= column { lines[row].append(" ") }
        lines[row][column] = character
        column += 1
    }

    private mutating func feed() {
        row += 1
        if row == lines.count { lines.append([]) }
        if lines.count > rows { scroll() }
    }

    private mutating func scroll() {
        scrolledOff.append(String(lines.removeFirst()))
        row -= 1
    }

    private mutating func escape(_ rest: inout Substring) {
        guard rest.first == "[" else { unknown.append(String(rest.prefix(3))); return }
        rest = rest.dropFirst()
        let parameter = rest.prefix { $0.isNumber }
        rest = rest.dropFirst(parameter.count)
        guard let final = rest.popFirst() else { unknown.append("["); return }
        switch final {
        case "A": row = max(0, row - (Int(parameter) ?? 1))
        case "K": lines[row] = Array(lines[row].prefix(column))
        case "J":
            lines[row] = Array(lines[row].prefix(column))
            lines = Array(lines.prefix(row + 1))
        case "m": break
        default: unknown.append("[\(parameter)\(final)")
        }
    }
}
