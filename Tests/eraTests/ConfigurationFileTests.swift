import Glibc
import Testing

@testable import era

@Suite struct `The configuration file` {
    /// What a file of that text makes of an environment; a message names it `FILE`.
    private func layered(_ text: String, _ variables: [String: String] = [:]) throws -> [String: String] {
        let template = try #require(strdup("/tmp/era-configuration-XXXXXX"))
        defer { free(template) }
        let descriptor = mkstemp(template)
        try #require(descriptor >= 0)
        let path = String(cString: template)
        defer {
            close(descriptor)
            unlink(path)
        }
        let bytes = Array(text.utf8)
        try #require(write(descriptor, bytes, bytes.count) == bytes.count)
        do {
            let arguments = ["daemon", "--config", path]
            return try ConfigurationFile.layered(Environment(variables), arguments).variables
        } catch let failure as CommandFailure {
            let parts = (failure.message ?? "").split(separator: path, omittingEmptySubsequences: false)
            throw CommandFailure(parts.joined(separator: "FILE"), failure.exit)
        }
    }

    @Test(arguments: [["get", "daemon"], ["help", "reconcile"], ["logs", "-f", "daemon"], []])
    func `is read by the daemon and one-shot alone, whatever a deployment is called`(_ arguments: [String])
        throws
    {
        let environment = Environment(["ERA_CONFIG": "/nonexistent/era.yaml"])
        #expect(try ConfigurationFile.layered(environment, arguments).variables == environment.variables)
        #expect(throws: CommandFailure.self) { try ConfigurationFile.layered(environment, ["daemon"]) }
    }

    @Test func `stands in for variables that are not set`() throws {
        let text =
            "dataDir: /srv/era\ninterval: 5m\nallowHttp: true\nlogLevel: debug\ntable: false\ntimeout: 1m\n"
        let variables = try layered(text, ["ERA_INTERVAL": "10s"])
        #expect(
            variables == [
                "ERA_DATA_DIR": "/srv/era", "ERA_INTERVAL": "10s", "ERA_ALLOW_HTTP": "true",
                "ERA_LOG_LEVEL": "debug", "ERA_TABLE": "false", "ERA_TIMEOUT": "1m",
            ]
        )
    }

    // The text, and all that is said of it.
    @Test(arguments: [
        (
            "dataDir: /d\ninterval: soon\n",
            "FILE:2:11: interval: \"soon\" is not a duration such as 500ms, 90s, 5m or 1h30m"
        ),
        ("allowHttp: maybe\n", "FILE:1:12: allowHttp is \"maybe\"; set it to true or false"),
        (
            "logLevel: loud\n",
            "FILE:1:11: logLevel: \"loud\" is not a log level; one of: "
                + "trace, debug, info, notice, warning, error, critical"
        ),
        ("dataDir: [/a, /b]\n", "FILE:1:10: dataDir takes one value"),
        ("intervall: 3s\n", "FILE:1:1: there is no setting intervall; did you mean interval?"),
        (
            "intervall: 3s\ntabel: true\n",
            "FILE:1:1: there is no setting intervall; did you mean interval?\n"
                + "error: FILE:2:1: there is no setting tabel; did you mean table?"
        ),
    ])
    func `is told of by line and column, not by a flag that nobody typed`(_ text: String, _ message: String) {
        let failure = #expect(throws: CommandFailure.self) { try layered(text) }
        #expect(failure?.message == message)
        #expect(failure?.exit == .wrongUsage)
    }
}
