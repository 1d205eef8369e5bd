import ERAAPI
import ERAClient
import ERACore
import Testing

@testable import era

@Suite struct `An error becomes an exit code` {
    private static let refused = APIStatus(code: 409, reason: "Conflict", message: "no")

    @Test func `of the design's six`() {
        #expect(ProgramExit.allCases.map(\.rawValue) == [0, 1, 2, 3, 4, 5])
    }

    // The error, the code, and a part of what is said.
    @Test(
        arguments: [
            (CommandFailure("it broke; mend it"), ProgramExit.failed, "error: it broke; mend it\n"),
            (CommandFailure.told(.notAsDeclared), .notAsDeclared, ""),
            (
                ClientError.notReachable(socketPath: "/run/era/era.sock", why: "there is no such socket"),
                .notReachable, "start it with: era daemon"
            ),
            (ClientError.status(refused), .failed, "no"),
            (ClientError.timedOut(seconds: 30), .timedOut, "era doctor"),
            (ClientError.protocolViolation("x"), .failed, "era version"),
            (InvalidValue("x", expected: "a thing"), .wrongUsage, "\"x\" is not a thing"),
            (CancellationError(), .failed, "interrupted"),
        ] as [(any Error & Sendable, ProgramExit, String)]
    )
    func `and a text`(_ error: any Error & Sendable, _ exit: ProgramExit, _ text: String) {
        let report = ErrorReport(error)
        #expect(report.exit == exit)
        #expect(report.talk.contains(text))
        #expect(text.isEmpty ? report.talk.isEmpty : report.talk.hasSuffix("\n"))
        #expect(report.output.isEmpty)
    }

    @Test func `that does not tell a user who is refused to start another daemon`() {
        let error = ClientError.notReachable(
            socketPath: "/run/era/era.sock",
            why: "this user may not open it"
        )
        let forbidden = DaemonReach { $0 == "/run/era/era.sock" }
        let refused = ErrorReport(error, reach: forbidden)
        #expect(refused.exit == .notReachable)
        #expect(
            refused.talk
                == "error: cannot reach the daemon at /run/era/era.sock: this user may not open it; "
                + "run as the user that runs the daemon, or name another with --run-dir\n"
        )
        #expect(!forbidden.advice("/run/era/era.sock").contains("era daemon"))
        #expect(forbidden.advice("/elsewhere") == "start it with: era daemon")
        #expect(!DaemonReach.real.isForbidden("/nonexistent/era.sock"))
    }

    @Test func `that cannot move the cursor`() {
        let report = ErrorReport(
            ClientError.status(APIStatus(code: 500, reason: "X", message: "a\u{1B}[2Jb\nc"))
        )
        #expect(!report.talk.contains("\u{1B}"))
        #expect(report.talk.contains("\nc"))
    }

    @Test(arguments: [
        ["get", "Not_A_Name"], ["wait", "web", "--for", "happiness"], ["wait", "web", "--timeout", "soon"],
        ["logs"], ["logs", "web", "--tail", "-3"], ["delete"], ["delete", "web", "--all"], ["apply"],
        ["get", "-o", "xml"], ["rollback", "web", "--to", "0"], ["get", "-l", "a in (b"],
    ])
    func `and wrong usage is 2`(_ arguments: [String]) async {
        let report = await `Every command`.report(arguments)
        #expect(report.exit == .wrongUsage, "\(report.talk)")
    }
}

@Suite struct `A name that nobody has` {
    private static func key(_ text: String) throws -> DeploymentKey {
        let argument = try NameArgument(text)
        return DeploymentKey(namespace: argument.namespace ?? .default, name: argument.name)
    }

    // The name, those there are, and what is suggested.
    @Test(arguments: [
        ("wbe", ["web", "database"], "did you mean web?"),
        ("web", ["shop/web"], "but in shop; add -n shop"),
        ("zebra", ["web"], "era get -A"),
        ("web", [], "era apply -f FILE"),
    ])
    func `gets a suggestion`(_ name: String, _ known: [String], _ expected: String) throws {
        let text = ERAClient.unknown(try Self.key(name), among: try known.map { try Self.key($0) })
        #expect(text.contains(expected), "\(text)")
    }

    @Test(arguments: [
        "", "/", "a/", "/a", "a/b/c", "A", "-x", "../x", "a b", String(repeating: "a", count: 64),
    ])
    func `is refused where it is no name`(_ text: String) {
        #expect(throws: InvalidValue.self) { try NameArgument(text) }
    }
}
