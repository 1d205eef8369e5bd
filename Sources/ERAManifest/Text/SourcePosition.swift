/// A place in a text.
public struct SourcePosition: Hashable, Sendable, Codable, Comparable {
    /// From 1.
    public var line: Int
    /// In code points, from 1; a tab counts as one.
    public var column: Int

    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    /// The first character of a text.
    public static let start = SourcePosition(line: 1, column: 1)

    public static func < (left: Self, right: Self) -> Bool {
        (left.line, left.column) < (right.line, right.column)
    }
}
