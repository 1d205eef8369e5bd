import Glibc

/// What is at the other end of an output.
struct Terminal: Equatable, Sendable {
    /// Somebody looks at it, and it understands cursor movements.
    var isInteractive: Bool
    var usesColour: Bool

    /// - Parameter isTerminal: Whether the output is a terminal device.
    init(isTerminal: Bool, _ environment: Environment) {
        isInteractive = isTerminal && environment["TERM"] != "dumb"
        // Sources: https://no-color.org and https://bixense.com/clicolors
        if let off = environment["NO_COLOR"], !off.isEmpty {
            usesColour = false
        } else if let forced = environment["CLICOLOR_FORCE"], !forced.isEmpty, forced != "0" {
            usesColour = true
        } else {
            usesColour = isInteractive
        }
    }

    /// Standard output.
    static var output: Terminal { Terminal(isTerminal: isatty(STDOUT_FILENO) == 1, .current()) }
    /// Standard error.
    static var error: Terminal { Terminal(isTerminal: isatty(STDERR_FILENO) == 1, .current()) }

    /// Columns and rows of the terminal at standard output or standard error; nil where neither is one.
    static func size() -> (columns: Int, rows: Int)? {
        for descriptor in [STDOUT_FILENO, STDERR_FILENO] {
            // C's winsize, which two modules declare: whose it is depends on what is compiled beside it.
            var size: (rows: UInt16, columns: UInt16, width: UInt16, height: UInt16) = (0, 0, 0, 0)
            if ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.columns > 0, size.rows > 0 {
                return (Int(size.columns), Int(size.rows))
            }
        }
        return nil
    }
}

/// Colours texts where that is wanted.
struct Style: Equatable, Sendable {
    /// A look of text (ECMA-48, SGR).
    enum Look: String, Sendable, CaseIterable {
        case red = "31"
        case green = "32"
        case yellow = "33"
        case cyan = "36"
        case faint = "2"
        case bold = "1"
    }

    var usesColour: Bool

    /// The text with its look, and without one after it.
    func paint(_ text: String, _ look: Look?) -> String {
        guard usesColour, let look, !text.isEmpty else { return text }
        return "\u{1B}[\(look.rawValue)m\(text)\u{1B}[0m"
    }

    /// What standard output takes.
    static var output: Style { Style(usesColour: Terminal.output.usesColour) }
}
