import ERAAPI
import ERACore
import Testing

@testable import era

@Suite struct `A live table on a terminal` {
    private func table() -> LiveTable {
        LiveTable(isTerminal: true, style: Style(usesColour: true), columns: Samples.narrow)
    }

    private func deployments(_ count: Int, phase: String = "Running") throws -> [DeploymentObject] {
        try (0..<count).map { try Samples.object("web\($0 + 10)", phase: phase) }
    }

    @Test func `draws over what it drew before`() throws {
        var table = table()
        var terminal = Emulator(columns: 80, rows: 24)
        terminal.write("$ era get -w\n")
        for phase in ["Requested", "HealthChecking", "Running"] {
            let objects = [try Samples.object(phase: phase), try Samples.object("database", phase: phase)]
            terminal.write(table.frame(objects, now: Samples.later(3), size: (80, 24)))
            #expect(terminal.screen.count == 4)
            #expect(terminal.screen[0] == "$ era get -w")
            #expect(terminal.screen[1].hasPrefix("NAME"))
            #expect(terminal.screen[2].hasPrefix("database   \(phase)"))
            #expect(terminal.screen[3].hasPrefix("web        \(phase)"))
        }
        #expect(terminal.unknown.isEmpty)
    }

    @Test func `leaves nothing behind of rows that go`() throws {
        var table = table()
        var terminal = Emulator(columns: 80, rows: 24)
        terminal.write(table.frame(try deployments(6), now: Samples.start, size: (80, 24)))
        terminal.write(table.frame(try deployments(2), now: Samples.start, size: (80, 24)))
        #expect(terminal.screen.count == 3)
        terminal.write(table.frame([], now: Samples.start, size: (80, 24)))
        #expect(terminal.screen == ["no deployments"])
    }

    @Test func `writes nothing when nothing changed`() throws {
        var table = table()
        let objects = try deployments(2)
        #expect(!table.frame(objects, now: Samples.start, size: (80, 24)).isEmpty)
        #expect(table.frame(objects, now: Samples.start, size: (80, 24)).isEmpty)
        #expect(!table.frame(objects, now: Samples.later(1), size: (80, 24)).isEmpty)
    }

    @Test(arguments: [(40, 24), (20, 24), (120, 24), (9, 24), (80, 5), (80, 3), (1, 1)])
    func `stays one table when the terminal changes its size`(_ columns: Int, _ rows: Int) throws {
        var table = table()
        var terminal = Emulator(columns: 80, rows: 24)
        let wait: JSONValue = ["reason": "Baking", "message": "running, watched while it is new"]
        let objects = try (10..<15).map { try Samples.object("web\($0)", status: ["wait": wait]) }
        terminal.write(table.frame(objects, now: Samples.start, size: (80, 24)))
        terminal.resize(columns: columns, rows: rows)
        terminal.write(table.frame(objects, now: Samples.later(1), size: (columns, rows)))
        let shown = min(6, max(2, rows - 1))
        #expect(terminal.screen.count <= shown)
        #expect(terminal.screen.count { $0.hasPrefix("NAME") } <= 1)
        #expect(terminal.screen.allSatisfy { DisplayText.width($0) <= columns })
    }

    @Test func `counts what the screen has no room for`() throws {
        var table = table()
        var terminal = Emulator(columns: 80, rows: 10)
        for second in 0..<3 {
            terminal.write(table.frame(try deployments(50), now: Samples.later(second), size: (80, 10)))
            #expect(terminal.screen.count == 9)
            #expect(terminal.screen.last == "… and 43 more")
            #expect(terminal.scrolledOff.isEmpty)
        }
    }

    @Test func `makes room for other text above it`() throws {
        var table = table()
        var terminal = Emulator(columns: 80, rows: 24)
        let objects = try deployments(1)
        terminal.write(table.frame(objects, now: Samples.start, size: (80, 24)))
        terminal.write(table.erase(size: (80, 24)) + "a line of log\n")
        terminal.write(table.frame(objects, now: Samples.start, size: (80, 24)))
        #expect(terminal.screen.count == 3)
        #expect(terminal.screen[0] == "a line of log")
        #expect(terminal.screen[1].hasPrefix("NAME"))
    }
}

@Suite struct `A live table elsewhere` {
    private func table() -> LiveTable {
        LiveTable(isTerminal: false, style: Samples.plain, columns: Samples.narrow)
    }

    @Test func `tells each change on a line, and time passing not at all`() throws {
        var table = table()
        let web = try Samples.object(phase: "Requested", isReady: false)
        let first = table.frame([web, try Samples.object("database")], now: Samples.start)
        #expect(first.split(separator: "\n").count == 3)
        #expect(first.hasPrefix("NAME"))
        #expect(table.frame([web, try Samples.object("database")], now: Samples.later(60)).isEmpty)
        let running = try Samples.object()
        let second = table.frame([running, try Samples.object("database")], now: Samples.later(61))
        #expect(second.split(separator: "\n").count == 1)
        #expect(second.hasPrefix("web        Running"))
    }

    @Test func `tells that a deployment is gone`() throws {
        var table = table()
        _ = table.frame([try Samples.object()], now: Samples.start)
        #expect(table.frame([], now: Samples.start).hasPrefix("web    Deleted"))
        #expect(table.frame([], now: Samples.start).isEmpty)
    }

    @Test func `does not make a line of each piece of a download`() throws {
        var table = table()
        func fetching(_ received: Int64) throws -> DeploymentObject {
            try Samples.object(phase: "Fetching", status: ["progress": ["doneBytes": .integer(received)]])
        }
        #expect(table.frame([try fetching(0)], now: Samples.start).contains("fetched 0 B"))
        #expect(table.frame([try fetching(9999)], now: Samples.start).isEmpty)
    }

    @Test func `uses no control sequences`() throws {
        var table = table()
        let text = table.frame([try Samples.object()], now: Samples.start)
        #expect(!text.contains("\u{1B}"))
        #expect(table.erase().isEmpty)
    }
}
