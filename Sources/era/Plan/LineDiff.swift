/// Two texts compared line by line, in the unified format of diff.
struct LineDiff: Equatable, Sendable {
    /// One line of the comparison.
    enum Line: Equatable, Sendable {
        case same(String)
        case removed(String)
        case added(String)
    }

    /// Lines that are shown around a change though they are the same.
    static let context = 3

    let lines: [Line]

    init(_ old: String, _ new: String) {
        let before = old.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let after = new.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        var removed: Set<Int> = []
        var added: Set<Int> = []
        for change in after.difference(from: before) {
            switch change {
            case .remove(let offset, _, _): removed.insert(offset)
            case .insert(let offset, _, _): added.insert(offset)
            }
        }
        var lines: [Line] = []
        var (left, right) = (0, 0)
        while left < before.count || right < after.count {
            if removed.contains(left) {
                lines.append(.removed(before[left]))
                left += 1
            } else if added.contains(right) {
                lines.append(.added(after[right]))
                right += 1
            } else {
                lines.append(.same(before[left]))
                left += 1
                right += 1
            }
        }
        self.lines = lines
    }

    var isEmpty: Bool { lines.allSatisfy { if case .same = $0 { true } else { false } } }

    /// The hunks, as `diff -u` writes them.
    func text(_ style: Style) -> String {
        let changed = lines.indices.filter { if case .same = lines[$0] { false } else { true } }
        var text = ""
        var next = changed.startIndex
        while next < changed.endIndex {
            var last = next
            while last + 1 < changed.endIndex, changed[last + 1] - changed[last] <= 2 * Self.context {
                last += 1
            }
            let range =
                max(0, changed[next] - Self.context)..<min(lines.count, changed[last] + Self.context + 1)
            text += hunk(range, style)
            next = last + 1
        }
        return text
    }

    private func hunk(_ range: Range<Int>, _ style: Style) -> String {
        func count(in range: Range<Int>, _ counts: (Line) -> Bool) -> Int {
            lines[range].count(where: counts)
        }
        func isOld(_ line: Line) -> Bool { if case .added = line { false } else { true } }
        func isNew(_ line: Line) -> Bool { if case .removed = line { false } else { true } }
        func place(_ counts: (Line) -> Bool) -> String {
            let (before, length) = (count(in: 0..<range.lowerBound, counts), count(in: range, counts))
            // An empty side is placed after the line before it (POSIX, diff -u).
            return "\(length == 0 ? before : before + 1)" + (length == 1 ? "" : ",\(length)")
        }
        var text = style.paint("@@ -\(place(isOld)) +\(place(isNew)) @@", .cyan) + "\n"
        for line in lines[range] {
            switch line {
            case .same(let content): text += " \(DisplayText.line(content))\n"
            case .removed(let content): text += style.paint("-\(DisplayText.line(content))", .red) + "\n"
            case .added(let content): text += style.paint("+\(DisplayText.line(content))", .green) + "\n"
            }
        }
        return text
    }
}
