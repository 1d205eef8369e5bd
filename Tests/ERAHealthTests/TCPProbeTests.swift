import ERAContracts
import ERAHealth
import Testing

@Suite(.timeLimit(.minutes(1))) struct TCPProbeTests {
    private func probe(_ host: String, _ port: Int, timeout: Duration = .seconds(20)) async throws
        -> ProbeOutcome
    {
        let prober = NetworkProber()
        let outcome = await prober.probe(ProbeRequest(target: .tcp(host: host, port: port), timeout: timeout))
        try await prober.shutdown()
        return outcome
    }

    @Test(arguments: ["127.0.0.1", "localhost"])
    func `a port that accepts is a success`(host: String) async throws {
        let server = try ScriptedServer { connection, _ in connection.waitForEnd() }
        #expect(try await probe(host, server.port) == .success)
    }

    @Test func `a port that refuses is a failure that says so`() async throws {
        let port = try ScriptedServer { _, _ in }.port
        #expect(
            try await probe("127.0.0.1", port)
                == .failure("connecting to 127.0.0.1:\(port) failed: connection refused")
        )
    }

    @Test(arguments: [0, -1, 65_536, Int.max])
    func `a number that is no port is a failure`(port: Int) async throws {
        #expect(try await probe("127.0.0.1", port) == .failure("\(port) is not a port"))
    }

    @Test(arguments: ["", "999.1.1.1", "name.invalid", "::gg"])
    func `a host that is none is a failure in time`(host: String) async throws {
        #expect(try await probe(host, 80, timeout: .seconds(2)).isSuccess == false)
    }
}
