import ERACore
import ERAContracts
import Foundation
import Testing

@testable import ERAArtifact

/// A download that breaks and is taken up again. The server sends half of the file, then breaks.
@Suite struct ResumeTests {
    private let bytes = payload(200_000)
    private let half = 100_000

    private func spec(_ server: RawServer) throws -> ArtifactSpec {
        try ArtifactSpec(server.url + "/file", try sha256(bytes))
    }

    private func sendHalf(_ connection: RawConnection, _ headers: [String]) {
        connection.send(connection.head("200 OK", headers + ["Content-Length: \(bytes.count)"]))
        connection.send(bytes[..<1000])
        // Longer than the shortest time between two reports, so that the next piece is reported.
        usleep(150_000)
        connection.send(bytes[1000..<half])
    }

    private func sendRest(_ connection: RawConnection, from start: Int, _ headers: [String] = []) {
        connection.answer(
            "206 Partial Content",
            headers + ["Content-Range: bytes \(start)-\(bytes.count - 1)/\(bytes.count)"],
            Array(bytes[start...])
        )
    }

    /// The second and later requests are answered by `answer`; the fetch that follows the break must succeed.
    private func resumed(
        etag: String? = "\"v1\"",
        meddle: (Fixture) throws -> Void = { _ in },
        _ answer: @escaping @Sendable (_ start: Int?, RawConnection) -> Void
    ) async throws -> [String] {
        let (bytes, half) = (bytes, half)
        return try await withTemporaryDirectory { directory in
            let fixture = Fixture(directory)
            return try await RawServer.run { index, head, connection in
                if index == 0 { return sendHalf(connection, etag.map { ["ETag: \($0)"] } ?? []) }
                let start = header("Range", in: head).flatMap { Int($0.dropFirst(6).dropLast()) }
                answer(start, connection)
            } _: { server in
                let failure = try await fixture.fetching { try await $0.failure(spec(server)) }
                #expect(failure?.persistence == .transient)
                try meddle(fixture)
                // Another fetcher: as after a restart of the daemon.
                let stored = try await fixture.fetching { try await $0.fetch(spec(server)) }
                #expect(try read(stored.path) == bytes)
                #expect(fixture.leftovers.isEmpty)
                #expect(header("Range", in: server.requests[0]) == nil)
                if let sent = header("Range", in: server.requests[1]) {
                    // All of what was sent may not have been written before the break was seen.
                    let start = try #require(Int(sent.dropFirst(6).dropLast()))
                    #expect(sent == "bytes=\(start)-" && (1...half).contains(start))
                    #expect(header("If-Range", in: server.requests[1]) == etag)
                }
                return server.requests
            }
        }
    }

    @Test func `a broken download goes on where it stopped`() async throws {
        let requests = try await resumed { start, connection in
            guard let start else { return connection.answer("400 No", []) }
            self.sendRest(connection, from: start, ["ETag: \"v1\""])
        }
        #expect(requests.count == 2)
    }

    @Test func `a file that has changed is sent anew and taken from the start`() async throws {
        let requests = try await resumed { _, connection in
            connection.answer("200 OK", ["ETag: \"v2\""], self.bytes)
        }
        #expect(requests.count == 2)
        #expect(header("Range", in: requests[1]) != nil)
    }

    @Test(arguments: [nil, "W/\"v1\"", "v1", "\"a\u{7F}\""])
    func `without a strong validator it starts over`(etag: String?) async throws {
        let requests = try await resumed(etag: etag) { start, connection in
            if start != nil { return connection.answer("400 No", []) }
            connection.answer("200 OK", [], self.bytes)
        }
        #expect(requests.count == 2)
    }

    /// Each is not what was asked for: another place, another end, another length, another file, no range.
    @Test(
        arguments: [
            "Content-Range: bytes 0-199999/200000", "Content-Range: bytes 5-199998/200000",
            "Content-Range: bytes 999-199999/1", "Content-Range: bytes */200000",
            "Content-Range: items 5-9/10",
            "ETag: \"v2\"", "X-None: 1",
        ])
    func `a wrong part is refused and the file is fetched whole`(head: String) async throws {
        let requests = try await resumed { start, connection in
            guard let start else { return connection.answer("200 OK", [], self.bytes) }
            if head.hasPrefix("ETag") { return self.sendRest(connection, from: start, [head]) }
            connection.answer("206 Partial Content", [head], Array(self.bytes[start...]))
        }
        #expect(requests.count == 3)
        #expect(header("Range", in: requests[2]) == nil)
    }

    @Test func `a range that the server has not starts over`() async throws {
        let requests = try await resumed { start, connection in
            if start != nil { return connection.answer("416 Range Not Satisfiable", []) }
            connection.answer("200 OK", [], self.bytes)
        }
        #expect(requests.count == 3)
    }

    @Test func `a damaged part is found by the digest, and the file is fetched whole`() async throws {
        let requests = try await resumed { fixture in
            let ingest = fixture.directory + "/artifacts/ingest/"
            let name = try #require(fixture.leftovers.first { $0.hasSuffix(".partial") })
            var part = try read(ingest + name)
            part[0] ^= 1
            try write(part, to: ingest + name)
        } _: { start, connection in
            guard let start else { return connection.answer("200 OK", [], self.bytes) }
            self.sendRest(connection, from: start)
        }
        #expect(requests.count == 3)
    }

    @Test func `cancelling the last waiter cancels the download, which goes on at the next fetch`()
        async throws
    {
        try await Fixture.run { fixture in
            let isCut = Shared(false)
            try await RawServer.run { index, head, connection in
                if index == 0 {
                    sendHalf(connection, ["ETag: \"v1\""])
                    connection.waitUntilClosed()
                    isCut.change { $0 = true }
                } else {
                    let start = header("Range", in: head).flatMap { Int($0.dropFirst(6).dropLast()) }
                    sendRest(connection, from: start ?? 0)
                }
            } _: { server in
                try await fixture.fetching { fetcher in
                    let received = Shared(Int64(0))
                    let waiters = try (0..<3).map { _ in
                        let spec = try spec(server)
                        return Task {
                            try await fetcher.fetch(spec) { report in
                                received.change { $0 = max($0, report.done.bytes) }
                            }
                        }
                    }
                    #expect(try await eventually { received.value > 0 })
                    waiters[0].cancel()
                    waiters[1].cancel()
                    await #expect(throws: CancellationError.self) { try await waiters[0].value }
                    await #expect(throws: CancellationError.self) { try await waiters[1].value }
                    try await Task.sleep(for: .milliseconds(50))
                    #expect(!isCut.value)
                    waiters[2].cancel()
                    await #expect(throws: CancellationError.self) { try await waiters[2].value }
                    #expect(try await eventually { isCut.value })
                    let stored = try await fetcher.fetch(spec(server))
                    #expect(try read(stored.path) == bytes)
                }
                #expect(server.requests.count == 2)
                let range = try #require(header("Range", in: server.requests[1]))
                #expect(range.hasPrefix("bytes=") && range.hasSuffix("-") && range != "bytes=0-")
            }
        }
    }
}
