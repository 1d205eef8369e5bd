import ERACore
import ERAContracts
import Foundation
import Testing

@testable import ERAArtifact

/// https against `openssl s_server` with a certificate made for the test.
@Suite struct TLSTests {
    private struct OpenSSL {
        let directory: String
        let port: Int

        /// Serves the files of a directory, each of which is a whole answer, while `body` runs.
        static func run(_ directory: String, _ body: (OpenSSL) async throws -> Void) async throws {
            let request = try Tool(
                [
                    "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out",
                    "cert.pem", "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost",
                ],
                in: directory
            )
            let status = request.waitForExit()
            try #require(status == 0)
            let server = try Tool(
                [
                    "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", "cert.pem", "-key", "key.pem",
                    "-HTTP",
                ],
                in: directory
            )
            defer { server.stop() }
            let isListening = try await eventually { server.output.contains(/ACCEPT 127.0.0.1:\d+\n/) }
            try #require(isListening)
            let port = try #require(
                server.output.firstMatch(of: /ACCEPT 127.0.0.1:(\d+)\n/).flatMap { Int($0.1) }
            )
            try await body(OpenSSL(directory: directory, port: port))
        }

        func serve(_ name: String, _ head: String, _ body: [UInt8] = []) throws {
            try write(
                Array("HTTP/1.0 \(head)\r\nContent-Length: \(body.count)\r\n\r\n".utf8) + body,
                to: directory + "/" + name
            )
        }
    }

    @Test func `a trusted server serves, an untrusted one, or another's certificate, does not`() async throws
    {
        try await Fixture.run { fixture in
            let bytes = payload(100_000)
            let digest = try sha256(bytes)
            try await OpenSSL.run(fixture.directory) { server in
                try server.serve("file", "200 OK", bytes)
                var options = FetchOptions()
                let untrusted = try await fixture.fetching(options) {
                    try await $0.failure(ArtifactSpec("https://localhost:\(server.port)/file", digest))
                }
                #expect(untrusted?.code == .fetchRefused && untrusted?.persistence == .permanent)
                #expect(untrusted?.message.contains("certificate") == true)
                options.trustRoots = fixture.directory + "/cert.pem"
                let otherName = try await fixture.fetching(options) {
                    try await $0.failure(ArtifactSpec("https://127.0.0.1:\(server.port)/file", digest))
                }
                #expect(otherName?.code == .fetchRefused && otherName?.persistence == .permanent)
                let stored = try await fixture.fetching(options) {
                    try await $0.fetch(ArtifactSpec("https://localhost:\(server.port)/file", digest))
                }
                #expect(try read(stored.path) == bytes)
            }
        }
    }

    @Test func `a redirect from https to http is refused, even where http is allowed`() async throws {
        try await Fixture.run { fixture in
            try await RawServer.run { _, _, connection in
                connection.answer("200 OK", [], [1])
            } _: { plain in
                try await OpenSSL.run(fixture.directory) { server in
                    try server.serve("file", "302 Found\r\nLocation: http://localhost:\(plain.port)/")
                    var options = fixture.options
                    options.trustRoots = fixture.directory + "/cert.pem"
                    let failure = try await fixture.fetching(options) {
                        try await $0.failure(
                            ArtifactSpec("https://localhost:\(server.port)/file", try sha256([1]))
                        )
                    }
                    #expect(failure?.code == .fetchRefused)
                    #expect(failure?.message.contains("from https to plain http") == true)
                }
                #expect(plain.requests.isEmpty)
            }
        }
    }

    @Test func `a server that speaks no TLS is transient, and trust that cannot be read is said`()
        async throws
    {
        try await Fixture.run { fixture in
            try await RawServer.run { _, _, connection in
                connection.send("HTTP/1.1 400 No\r\n\r\n")
            } _: { server in
                let spec = try ArtifactSpec("https://127.0.0.1:\(server.port)/f", try sha256([1]))
                var options = FetchOptions()
                options.stallLimit = .seconds(2)
                let failure = try await fixture.fetching(options) { try await $0.failure(spec) }
                #expect(failure?.persistence == .transient)
                options.trustRoots = fixture.directory + "/none.pem"
                let unreadable = try await fixture.fetching(options) { try await $0.failure(spec) }
                #expect(unreadable?.code == .fetchRefused)
            }
        }
    }
}
