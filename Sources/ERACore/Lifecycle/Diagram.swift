/// The state machine as a picture, from the table that the fold obeys.
public struct Diagram: Hashable, Sendable {
    /// The language of the picture.
    public enum Format: String, Hashable, Sendable, CaseIterable {
        /// A `stateDiagram-v2`. Source: https://mermaid.js.org/syntax/stateDiagram.html
        case mermaid
        /// A `digraph`. Source: https://graphviz.org/doc/info/lang.html
        case dot
    }

    /// The phase to highlight; nil for none.
    public var highlighted: Phase?

    public init(highlighting phase: Phase? = nil) { highlighted = phase }

    /// The picture's text, with a newline at its end.
    public func text(_ format: Format) -> String {
        let lines =
            switch format {
            case .mermaid: mermaid
            case .dot: dot
            }
        return lines.joined(separator: "\n") + "\n"
    }

    private var mermaid: [String] {
        var lines = ["stateDiagram-v2", "    [*] --> \(Phase.requested)"]
        lines += Transition.all.map { "    \($0.from) --> \($0.to): \($0.label)" }
        lines.append("    \(Phase.deleted) --> [*]")
        if let highlighted {
            lines.append("    classDef current fill:#fd7,stroke:#a60,stroke-width:3px")
            lines.append("    class \(highlighted) current")
        }
        return lines
    }

    private var dot: [String] {
        var lines = ["digraph era {", "    rankdir=TB;", "    node [shape=box, style=rounded];"]
        for phase in Phase.allCases {
            var attributes: [String] = []
            if phase.isTerminal { attributes.append("peripheries=2") }
            if phase == highlighted { attributes.append("style=\"rounded,filled\", fillcolor=\"#ffdd77\"") }
            lines.append(
                "    \(phase)\(attributes.isEmpty ? "" : " [\(attributes.joined(separator: ", "))]");"
            )
        }
        for transition in Transition.all {
            let style = Self.isDetour(transition.trigger) ? ", style=dashed" : ""
            lines.append(
                "    \(transition.from) -> \(transition.to) [label=\"\(transition.label)\"\(style)];"
            )
        }
        return lines + ["}"]
    }

    /// Whether an arrow leads away from the path of work.
    private static func isDetour(_ trigger: Transition.Trigger) -> Bool {
        switch trigger {
        case .success, .crash, .failure: false
        case .declared, .deleted, .operator: true
        }
    }
}
