import Testing

@testable import ERACore

@Suite struct DiagramTests {
    @Test(arguments: Diagram.Format.allCases)
    func `the picture shows each phase and each arrow once`(format: Diagram.Format) {
        let lines = Diagram().text(format).split(separator: "\n")
        let arrow = format == .mermaid ? "-->" : "->"
        for transition in Transition.all {
            let head = "    \(transition.from) \(arrow) \(transition.to)"
            let hits = lines.filter { $0.hasPrefix(head + ":") || $0.hasPrefix(head + " [") }
            #expect(hits.count == 1, "\(head)")
            #expect(hits.first?.contains(transition.label) == true)
        }
        for phase in Phase.allCases { #expect(lines.contains { $0.contains(phase.rawValue) }) }
    }

    @Test func `the phase of a deployment is highlighted`() {
        #expect(Diagram(highlighting: .running).text(.mermaid).hasSuffix("    class Running current\n"))
        #expect(!Diagram().text(.mermaid).contains("classDef"))
        #expect(Diagram(highlighting: .running).text(.dot).contains("    Running [style=\"rounded,filled\""))
        #expect(!Diagram().text(.dot).contains("fillcolor"))
        #expect(Diagram(highlighting: .failed).text(.dot).contains("    Failed [peripheries=2, style="))
    }

    @Test func `DOT is one balanced graph, and labels need no escape`() {
        let text = Diagram().text(.dot)
        #expect(text.hasPrefix("digraph era {\n") && text.hasSuffix("}\n"))
        #expect(text.filter { $0 == "\"" }.count == 2 * Transition.all.count)
        for transition in Transition.all {
            #expect(!transition.label.contains { "\"\\:;\n".contains($0) }, "\(transition.label)")
        }
    }

    @Test func `no arrow is listed twice, none leads out of nowhere`() {
        #expect(Set(Transition.all.map { [$0.from, $0.to] }).count == Transition.all.count)
        for phase in Phase.allCases where phase != .requested {
            #expect(Transition.all.contains { $0.to == phase }, "nothing leads to \(phase)")
        }
        for phase in Phase.allCases { #expect(Transition.all.contains { $0.from == phase }) }
    }
}
