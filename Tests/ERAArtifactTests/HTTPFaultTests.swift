import ERACore
import ERAContracts
import Foundation
import Testing

@testable import ERAArtifact

/// One server that misbehaves a request, and what must come of it.
@Suite struct HTTPFaultTests {
    /// Fetches `/file` of a server that answers so; the digest is that of the bytes 1, 2, 3.
    private func failure(
        _ adjust: (inout FetchOptions) -> Void = { _ in },
        _ answer: @escaping RawServer.Answer
    ) async throws -> (failure: Failure?, leftovers: [String], requests: Int) {
        try await withTemporaryDirectory { directory in
            let fixture = Fixture(directory)
            var options = fixture.options
            adjust(&options)
            return try await RawServer.run(answer) { server in
                try await fixture.fetching(options) { fetcher in
                    let spec = try ArtifactSpec(server.url + "/file?token=canary", try sha256([1, 2, 3]))
                    let failure = try await fetcher.failure(spec)
                    #expect(failure?.message.contains("canary") != true)
                    #expect(tree(directory + "/artifacts/blobs/sha256").isEmpty)
                    return (failure, fixture.leftovers, server.requests.count)
                }
            }
        }
    }

    /// Source: RFC 9110 section 15, RFC 6585 section 4, RFC 8470 section 5.2.
    @Test(
        arguments: [
            (401, Failure.Persistence.permanent), (403, .permanent), (404, .permanent), (410, .permanent),
            (400, .permanent), (451, .permanent), (204, .permanent), (304, .permanent), (416, .permanent),
            (408, .transient), (425, .transient), (429, .transient), (500, .transient), (502, .transient),
            (503, .transient), (504, .transient),
        ])
    func `a status is transient or permanent`(status: Int, persistence: Failure.Persistence) async throws {
        let result = try await failure { _, _, connection in connection.answer("\(status) Whatever", [], []) }
        #expect(result.failure?.persistence == persistence)
        #expect(result.failure?.message.contains("\(status)") == true)
        #expect(result.requests == 1)
        #expect(result.leftovers.isEmpty)
    }

    @Test(
        arguments: [
            ("7", Duration.seconds(7)), ("99999999", .seconds(300)), ("999999999999999999999", nil),
            ("-1", nil),
            ("soon", nil), ("Thu, 01 Jan 1970 00:00:00 GMT", .zero),
            ("Fri, 15 Jan 2027 08:00:07 GMT", .seconds(7)),
        ])
    func `a Retry-After is honoured up to the limit`(value: String, expected: Duration?) async throws {
        let result = try await failure { _, _, connection in
            connection.answer("429 Too Many Requests", ["Retry-After: \(value)"])
        }
        #expect(result.failure?.persistence == .transient)
        #expect(result.failure?.retryAfter == expected)
    }

    @Test func `a body that ends before its length is transient`() async throws {
        let result = try await failure { _, _, connection in
            connection.send(connection.head("200 OK", ["Content-Length: 3"]) + "\u{1}")
        }
        #expect(result.failure?.code == .fetchFailed)
        #expect(result.failure?.persistence == .transient)
    }

    @Test func `a chunked body that is cut is transient`() async throws {
        let result = try await failure { _, _, connection in
            connection.send(connection.head("200 OK", ["Transfer-Encoding: chunked"]) + "2\r\n\u{1}\u{2}\r\n")
        }
        #expect(result.failure?.persistence == .transient)
    }

    @Test func `a body that is longer than its length is not taken for the file`() async throws {
        let result = try await failure { _, _, connection in
            connection.send(connection.head("200 OK", ["Content-Length: 2"]) + "\u{1}\u{2}\u{3}")
        }
        #expect(result.failure?.code == .digestMismatch)
        #expect(result.failure?.persistence == .permanent)
    }

    @Test func `appended bytes are found by the digest`() async throws {
        let result = try await failure { _, _, connection in connection.answer("200 OK", [], [1, 2, 3, 4]) }
        #expect(result.failure?.code == .digestMismatch)
        #expect(result.leftovers.isEmpty)
    }

    @Test func `a body without any length that does not match may have been cut`() async throws {
        let result = try await failure { _, _, connection in
            connection.send(connection.head("200 OK", []) + "\u{1}\u{2}")
        }
        #expect(result.failure?.code == .digestMismatch)
        #expect(result.failure?.persistence == .transient)
    }

    @Test(
        arguments: [
            (["Content-Type: text/html; charset=utf-8"], "Please log in"), ([], "\n <!DOCTYPE html><html>"),
        ])
    func `a login page instead of the file is named`(headers: [String], page: String) async throws {
        let result = try await failure { _, _, connection in
            connection.answer("200 OK", headers, Array(page.utf8))
        }
        #expect(result.failure?.code == .digestMismatch)
        #expect(result.failure?.persistence == .transient)
        #expect(result.failure?.message.contains("HTML") == true)
    }

    @Test func `a connection that is reset is transient`() async throws {
        let result = try await failure { _, _, connection in
            connection.send(connection.head("200 OK", ["Content-Length: 3"]))
            connection.reset()
        }
        #expect(result.failure?.persistence == .transient)
    }

    @Test(arguments: ["", "garbage\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"])
    func `an answer that is no HTTP is transient`(text: String) async throws {
        let result = try await failure { _, _, connection in connection.send(text) }
        #expect(result.failure?.code == .fetchFailed)
        #expect(result.failure?.persistence == .transient)
    }

    @Test func `a head with both lengths is refused`() async throws {
        let result = try await failure { _, _, connection in
            connection.send(
                connection.head("200 OK", ["Content-Length: 3", "Transfer-Encoding: chunked"])
                    + "3\r\n\u{1}\u{2}\u{3}\r\n0\r\n\r\n"
            )
        }
        #expect(result.failure != nil)
    }

    @Test(arguments: [0, 1])
    func `a server that falls silent is left after the stall limit`(sentBytes: Int) async throws {
        let began = ContinuousClock.now
        let result = try await failure {
            $0.stallLimit = .milliseconds(400)
        } _: { _, _, connection in
            if sentBytes > 0 { connection.send(connection.head("200 OK", ["Content-Length: 3"]) + "\u{1}") }
            connection.waitUntilClosed()
        }
        #expect(result.failure?.code == .timeout)
        #expect(result.failure?.persistence == .transient)
        #expect(ContinuousClock.now - began >= .milliseconds(400))
    }

    @Test func `a server that drips is left after the total limit`() async throws {
        let result = try await failure {
            $0.totalTimeLimit = .milliseconds(500)
        } _: { _, _, connection in
            connection.send(connection.head("200 OK", ["Content-Length: 100000"]))
            while connection.send([0]) { usleep(10_000) }
        }
        #expect(result.failure?.code == .timeout)
    }

    @Test func `a server that takes its time between bytes is not cut off`() async throws {
        let result = try await failure {
            $0.stallLimit = .seconds(1)
        } _: { _, _, connection in
            connection.send(connection.head("200 OK", ["Content-Length: 8"]))
            for byte in UInt8(0)..<8 {
                connection.send([byte])
                usleep(250_000)
            }
        }
        // It came to the end: only the digest is wrong.
        #expect(result.failure?.code == .digestMismatch)
    }

    @Test func `a length above the limit is refused before the body`() async throws {
        let result = try await failure {
            $0.sizeLimit = ByteCount(1000)
        } _: { _, _, connection in
            connection.send(connection.head("200 OK", ["Content-Length: 1001"]))
            connection.waitUntilClosed()
        }
        #expect(result.failure?.code == .artifactTooLarge)
        #expect(result.failure?.persistence == .permanent)
    }

    @Test func `an endless body is cut off at the limit`() async throws {
        let result = try await failure {
            $0.sizeLimit = ByteCount(1 << 20)
        } _: { _, _, connection in
            connection.send(connection.head("200 OK", ["Content-Type: application/octet-stream"]))
            while connection.send([UInt8](repeating: 0, count: 65_536)) {}
        }
        #expect(result.failure?.code == .artifactTooLarge)
        #expect(result.leftovers.isEmpty)
    }

    @Test func `a file that does not fit the disk is not begun`() async throws {
        let result = try await failure {
            $0.freeSpaceReserve = ByteCount(1 << 60)
        } _: { _, _, connection in
            connection.answer("200 OK", [], [1, 2, 3])
        }
        #expect(result.failure?.code == .noSpace)
        #expect(result.failure?.persistence == .transient)
    }

    @Test func `an encoding that nobody asked for is refused`() async throws {
        let result = try await failure { _, head, connection in
            #expect(header("Accept-Encoding", in: head) == "identity")
            connection.answer("200 OK", ["Content-Encoding: gzip"], [1, 2, 3])
        }
        #expect(result.failure?.code == .fetchRefused)
    }

    @Test func `a part that nobody asked for is refused`() async throws {
        let result = try await failure { _, head, connection in
            #expect(header("Range", in: head) == nil)
            connection.answer("206 Partial Content", ["Content-Range: bytes 0-2/3"], [1, 2, 3])
        }
        #expect(result.failure?.persistence == .transient)
        #expect(result.requests == 2)
    }

    @Test func `nobody listening and no such host are transient`() async throws {
        try await Fixture.run { fixture in
            let port = try await RawServer.run({ _, _, _ in }) { $0.port }
            try await fixture.fetching { fetcher in
                for url in ["http://127.0.0.1:\(port)/f", "http://no-such-host.invalid/f"] {
                    let failure = try await fetcher.failure(ArtifactSpec(url, try sha256([1])))
                    #expect(failure?.persistence == .transient, "\(url)")
                }
            }
        }
    }
}
