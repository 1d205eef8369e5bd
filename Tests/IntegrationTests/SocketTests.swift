import ERAAPI
import ERAClient
import ERAContracts
import ERACore
import Glibc
import Testing

/// Sockets that ERA keeps open while programs come and go.
@Suite(.timeLimit(.minutes(5)))
struct SocketTests {
    @Test func `no connection is refused in restarts, updates, rollbacks and crashes`() async throws {
        try await Machine.with { machine in
            try await machine.daemon()
            var app = App(name: "web", port: try machine.port(), passSocket: true)
            try machine.declare(app)
            try await machine.runs(app)
            let port = app.port
            let tally = try await withThrowingTaskGroup(of: [Answer: Int].self) { group in
                for _ in 0..<2 {
                    group.addTask {
                        var tally: [Answer: Int] = [:]
                        while !Task.isCancelled {
                            switch await ask(port, within: .seconds(30)) {
                            case .answered: tally[.answered(200, ""), default: 0] += 1
                            case let other: tally[other, default: 0] += 1
                            }
                        }
                        return tally
                    }
                }
                for number in 1...5 {
                    app.version = "1.\(number).0"
                    try machine.declare(app)
                    try await machine.runs(app)
                    if number.isMultiple(of: 2) {
                        let old = try await machine.runs(app)
                        _ = try await machine.client.request(.restart, for: machine.key("web"))
                        try await machine.reaches("web", "was restarted") {
                            $0.isReady && $0.instance?.pid != old.pid
                        }
                        try machine.declare(app.broken("2.\(number).0"))
                        try await machine.reaches("web", "is rolled back") {
                            $0.phase == .running && $0.version == app.version && $0.quarantine != nil
                        }
                    }
                }
                group.cancelAll()
                return try await group.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) }
            }
            #expect(tally[.answered(200, ""), default: 0] > 100)
            #expect(tally.filter { $0.key != .answered(200, "") } == [:])
        }
    }

    @Test func `a version that opens its port itself follows one that was given it, and the other way round`()
        async throws
    {
        try await Machine.with { machine in
            try await machine.daemon()
            var app = App(name: "web", port: try machine.port(), passSocket: true)
            for step in 1...4 {
                app.version = "\(step).0.0"
                app.passSocket.toggle()
                try machine.declare(app)
                try await machine.runs(app)
            }
            #expect(
                try await machine.client.events(machine.key("web")).allSatisfy { $0.reason != "RollingBack" }
            )
            try await machine.holds([app])
        }
    }

    @Test func `no connection is refused when the daemon is killed in the middle of updates`() async throws {
        try await Machine.with { machine in
            var daemon = try await machine.daemon()
            var app = App(name: "web", port: try machine.port(), passSocket: true)
            try machine.declare(app)
            try await machine.runs(app)
            let port = app.port
            let failed = try await withThrowingTaskGroup(of: [Answer].self) { group in
                group.addTask {
                    var failed: [Answer] = []
                    while !Task.isCancelled {
                        let answer = await ask(port, within: .seconds(60))
                        if answer.body == nil { failed.append(answer) }
                    }
                    return failed
                }
                for (number, moment) in [0, 10, 20, 40, 60, 80, 120, 200].enumerated() {
                    app.version = "1.\(number + 1).0"
                    try machine.declare(app)
                    try await Task.sleep(for: .milliseconds(moment))
                    try await daemon.crash()
                    // Nobody serves or the old version does; the socket is there in any case.
                    try await Task.sleep(for: .milliseconds(100))
                    daemon = try await machine.daemon()
                    try await machine.runs(app)
                }
                group.cancelAll()
                return try await group.next() ?? []
            }
            #expect(failed == [])
        }
    }

    @Test func `no connection is refused while a program that was killed comes back`() async throws {
        try await Machine.with { machine in
            try await machine.daemon()
            var app = App(name: "web", port: try machine.port(), passSocket: true)
            app.more = "restart: {initialDelay: 100ms}"
            try machine.declare(app)
            var process = try await machine.runs(app)
            for _ in 0..<3 {
                kill(process.pid, SIGKILL)
                for _ in 0..<20 { #expect(await ask(app.port, within: .seconds(30)) != .refused) }
                let old = process.pid
                try await machine.reaches("web", "is back") { $0.isReady && $0.instance?.pid != old }
                process = try await machine.runs(app)
            }
        }
    }
}
