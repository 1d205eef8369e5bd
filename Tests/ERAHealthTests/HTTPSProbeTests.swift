import ERAContracts
import ERACore
import Testing

@testable import ERAHealth

/// Probes over https ask whether the workload answers, not who it is: no certificate is verified.
///
/// Source: Kubernetes `pkg/probe/http`, `New`: `InsecureSkipVerify`; documented at "HTTP probes".
@Suite(.timeLimit(.minutes(2))) struct HTTPSProbeTests {
    private func probe(
        _ port: Int,
        scheme: ProbeSpec.HTTPGet.Scheme = .https,
        host: String = "127.0.0.1",
        timeout: Duration = .seconds(20)
    ) async throws -> ProbeOutcome {
        let prober = NetworkProber()
        let target = ProbeRequest.Target.http(
            scheme: scheme,
            host: host,
            port: port,
            path: "/ready",
            headers: []
        )
        let outcome = await prober.probe(ProbeRequest(target: target, timeout: timeout))
        try await prober.shutdown()
        return outcome
    }

    private static func answer(_ status: String) -> String {
        "HTTP/1.1 \(status)\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
    }

    @Test(arguments: ["127.0.0.1", "localhost"])
    func `a certificate that is expired, for another name and signed by itself does not matter`(host: String)
        async throws
    {
        try await TLSServer.with(Self.answer("200 OK")) { server in
            let outcome = try await probe(server.port, host: host)
            #expect(outcome == .success)
        }
    }

    @Test func `what the server answers matters as ever`() async throws {
        try await TLSServer.with(Self.answer("503 Busy")) { server in
            guard case .failure(let text) = try await probe(server.port) else {
                Issue.record("503 is no success")
                return
            }
            #expect(text.contains("https://127.0.0.1:\(server.port)/ready answered 503"))
        }
    }

    @Test func `a redirect from http to https on the same host is followed`() async throws {
        try await TLSServer.with(Self.answer("500 Broken")) { server in
            let location = "Location: https://127.0.0.1:\(server.port)/ready"
            let plain = try ScriptedServer { connection, _ in connection.answer("302 Found", [location]) }
            guard case .failure(let text) = try await probe(plain.port, scheme: .http) else {
                Issue.record("the answer of the second server is a failure")
                return
            }
            #expect(text.contains("answered 500"))
        }
    }

    @Test func `a server that does not speak TLS is a failure, and so is the reverse`() async throws {
        let plain = try ScriptedServer { connection, _ in connection.answer("200 OK") }
        // It has no end of a head to wait for, so that it answers when the other side closes.
        let https = try await probe(plain.port, timeout: .seconds(2))
        #expect(!https.isSuccess)
        try await TLSServer.with(Self.answer("200 OK")) { server in
            let outcome = try await probe(server.port, scheme: .http)
            #expect(!outcome.isSuccess)
        }
    }

    @Test func `a handshake that never ends is over at the time-out, and its connection soon after`()
        async throws
    {
        let silent = try ScriptedServer { connection, _ in connection.waitForEnd() }
        let start = ContinuousClock.now
        // The end of the prober waits for connections that are being established: 30 seconds, once.
        #expect(try await probe(silent.port, timeout: .milliseconds(300)).isSuccess == false)
        #expect(ContinuousClock.now - start < .seconds(15))
    }

    @Test(arguments: [(0, 1), (1, 1), (1000, 1), (1001, 2), (3000, 4), (60_000, 64), (1 << 40, 4096)])
    func `connections have the time of the probe, up to twice of it`(milliseconds: Int, seconds: Int) {
        #expect(ProbeClients.limit(for: .milliseconds(milliseconds)) == Int64(seconds))
    }
}
