import ERAContracts
import ERACore
import Glibc
import Testing

@testable import ERAHealth

/// HTTP probes mean what they mean in Kubernetes, and end in time whatever the other side does.
@Suite(.timeLimit(.minutes(2))) struct HTTPProbeTests {
    /// Probes `http://127.0.0.1:PORT/path`.
    private func probe(
        _ port: Int,
        _ path: String = "/ready",
        host: String = "127.0.0.1",
        headers: [ProbeSpec.HTTPHeader] = [],
        timeout: Duration = .seconds(20)
    ) async throws -> ProbeOutcome {
        let prober = NetworkProber()
        let target = ProbeRequest.Target.http(
            scheme: .http,
            host: host,
            port: port,
            path: path,
            headers: headers
        )
        let outcome = await prober.probe(ProbeRequest(target: target, timeout: timeout))
        try await prober.shutdown()
        return outcome
    }

    @Test(arguments: [
        ("200 OK", true), ("204 No Content", true), ("304 Not Modified", true), ("399 Odd", true),
        ("400 Bad", false),
        ("404 Not Found", false), ("500 Broken", false), ("503 Busy", false), ("600 Odd", false),
    ])
    func `a status from 200 to 399 is success`(status: String, isSuccess: Bool) async throws {
        let server = try ScriptedServer { connection, _ in connection.answer(status) }
        let outcome = try await probe(server.port)
        #expect(outcome.isSuccess == isSuccess)
        if case .failure(let text) = outcome { #expect(text.contains("answered \(status.prefix(3))")) }
    }

    @Test func `the request is a GET of the path with ERA's name and the given headers`() async throws {
        let server = try ScriptedServer { connection, _ in connection.answer("200 OK") }
        let headers = [
            ProbeSpec.HTTPHeader(name: "X-Token", value: "t"),
            ProbeSpec.HTTPHeader(name: "Host", value: "web.test"),
        ]
        #expect(try await probe(server.port, "ready?deep=1", headers: headers).isSuccess)
        let request = try #require(server.requests.first).lowercased()
        #expect(request.hasPrefix("get /ready?deep=1 http/1.1\r\n"))
        for line in ["user-agent: era-probe/1", "x-token: t", "host: web.test", "connection: close"] {
            #expect(request.contains("\r\n\(line)\r\n"), "\(line)")
        }
    }

    @Test func `each probe has a connection of its own`() async throws {
        let server = try ScriptedServer { connection, _ in
            connection.answer("200 OK", ["Connection: keep-alive"])
            connection.waitForEnd()
        }
        let prober = NetworkProber()
        let target = ProbeRequest.Target.http(
            scheme: .http,
            host: "127.0.0.1",
            port: server.port,
            path: "/",
            headers: []
        )
        for _ in 0..<3 {
            #expect(await prober.probe(ProbeRequest(target: target, timeout: .seconds(20))).isSuccess)
        }
        #expect(server.requests.count == 3)
        try await prober.shutdown()
    }

    @Test func `a redirect on the same host is followed and its end decides`() async throws {
        let server = try ScriptedServer { connection, head in
            if head.hasPrefix("GET /a ") { return connection.answer("302 Found", ["Location: b?x=1#y"]) }
            connection.answer(head.hasPrefix("GET /b?x=1 ") ? "503 Busy" : "404 Not Found")
        }
        guard case .failure(let text) = try await probe(server.port, "/a") else {
            Issue.record("the redirect was not followed")
            return
        }
        #expect(text.contains("/b?x=1 answered 503"))
    }

    @Test func `a redirect to another host is a success and is not followed`() async throws {
        let other = try ScriptedServer { connection, _ in connection.answer("500 Broken") }
        let server = try ScriptedServer { connection, _ in
            connection.answer("302 Found", ["Location: http://localhost:\(other.port)/"])
        }
        #expect(try await probe(server.port) == .success)
        #expect(other.requests.isEmpty)
    }

    @Test func `a redirect loop fails after ten`() async throws {
        let server = try ScriptedServer { connection, _ in
            connection.answer("307 Again", ["Location: /ready"])
        }
        guard case .failure(let text) = try await probe(server.port) else {
            Issue.record("a loop is no success")
            return
        }
        #expect(text.contains("redirected more than 10 times"))
        #expect(server.requests.count == HTTPProbe.redirectLimit + 1)
    }

    @Test func `a server that accepts and never answers costs the time-out and no more`() async throws {
        let server = try ScriptedServer { connection, _ in connection.waitForEnd() }
        var outcome = ProbeOutcome.success
        let time = try await ContinuousClock().measure {
            outcome = try await probe(server.port, timeout: .milliseconds(200))
        }
        #expect(
            outcome == .failure("GET http://127.0.0.1:\(server.port)/ready had no answer within 0.2 seconds")
        )
        #expect(time >= .milliseconds(200))
        #expect(time < .seconds(10))
    }

    @Test func `a body that trickles for ever costs the time-out`() async throws {
        let server = try ScriptedServer { connection, _ in
            connection.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while connection.write("1\r\nx\r\n") { usleep(20_000) }
        }
        #expect(try await probe(server.port, timeout: .milliseconds(300)).isSuccess == false)
    }

    @Test func `of an endless body ten kibibytes are enough`() async throws {
        let server = try ScriptedServer { connection, _ in
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
            while connection.write(String(repeating: "x", count: 4096)) {}
        }
        #expect(try await probe(server.port) == .success)
    }

    @Test(arguments: [
        "SSH-2.0-OpenSSH_9\r\n", "\u{0}\u{1}\u{2}", "HTTP/1.1 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: \(String(repeating: "y", count: 1 << 20))\r\n\r\n", "",
    ])
    func `an answer that is not HTTP is a failure`(garbage: String) async throws {
        let server = try ScriptedServer { connection, _ in
            connection.write(garbage)
        }
        guard case .failure(let text) = try await probe(server.port) else {
            Issue.record("garbage is no success")
            return
        }
        #expect(text.utf8.count <= outcomeTextLimit)
    }

    @Test func `nobody listening is a failure at once that says so`() async throws {
        let port = try ScriptedServer { _, _ in }.port
        let outcome = try await probe(port)
        guard case .failure(let text) = outcome else {
            Issue.record("nobody listens")
            return
        }
        #expect(text.contains("connection refused"))
    }

    @Test(arguments: [("/a b", "127.0.0.1"), ("/", "bad host"), ("/\r\nX: y", "127.0.0.1"), ("/", "")])
    func `an address that is none is a failure`(path: String, host: String) async throws {
        let server = try ScriptedServer { connection, head in
            connection.answer(head.contains("\r\nX: y") ? "200 OK" : "500 Broken")
        }
        #expect(try await probe(server.port, path, host: host, timeout: .seconds(5)).isSuccess == false)
    }

    @Test func `a header that would break the request is a failure`() async throws {
        let server = try ScriptedServer { connection, _ in connection.answer("200 OK") }
        let header = ProbeSpec.HTTPHeader(name: "X", value: "y\r\nZ: injected")
        #expect(try await probe(server.port, headers: [header]).isSuccess == false)
    }

    @Test func `a cancelled probe ends at once`() async throws {
        let server = try ScriptedServer { connection, _ in connection.waitForEnd() }
        let task = Task { try await probe(server.port, timeout: .seconds(600)) }
        while server.requests.isEmpty { try await Task.sleep(for: .milliseconds(1)) }
        task.cancel()
        #expect(try await task.value.isSuccess == false)
    }

    @Test(
        arguments: [
            ("/x", "http://h:81/x"), ("y", "http://h:81/a/y"), ("?q", "http://h:81/a/b?q"),
            ("//other/z", "http://other/z"),
            ("https://h/s", "https://h/s"), ("HTTP://h:9", "http://h:9/"),
            ("http://[::1]:8/v", "http://[::1]:8/v"),
            ("mailto:x", nil), ("http://u@h/", nil), ("http://h:0/", nil), ("http:///x", nil), ("#f", nil),
            ("", nil),
        ] as [(String, String?)]
    )
    func `a location is read relative to the request`(location: String, expected: String?) {
        let from = ProbeURL(scheme: .http, host: "h", port: 81, path: "/a/b?c/d")
        #expect(from.following(location)?.description == expected)
    }
}
