import ERACore
import ERAContracts
import Testing

@testable import ERAArtifact

@Suite struct RedirectTests {
    private let bytes: [UInt8] = [1, 2, 3]

    private func fetch(
        _ fixture: Fixture,
        _ url: String,
        pullSecret: PartName? = nil
    ) async throws -> (stored: StoredArtifact?, failure: Failure?) {
        let spec = try ArtifactSpec(url, try sha256(bytes), pullSecret: pullSecret)
        return try await fixture.fetching(credentials: { _, _ in .bearer(token: "canary") }) { fetcher in
            do { return (try await fetcher.fetch(spec), nil) } catch let failure as Failure {
                return (nil, failure)
            }
        }
    }

    @Test(
        arguments: ["/b/c", "../b/c", "//HOST/b/c", "http://HOST/b/c", "?to=/b/c"],
        [301, 302, 303, 307, 308]
    )
    func `a redirect is followed, relative or whole`(location: String, status: Int) async throws {
        let bytes = bytes
        try await Fixture.run { fixture in
            try await RawServer.run { index, head, connection in
                if index == 0 {
                    let host = header("Host", in: head) ?? ""
                    let location = location.replacing("HOST", with: host)
                    return connection.answer("\(status) Moved", ["Location: \(location)"], [9, 9])
                }
                let target = head.split(separator: " ")[1]
                connection.answer(
                    target == "/b/c" || target == "/a/x?to=/b/c" ? "200 OK" : "404 No",
                    [],
                    bytes
                )
            } _: { server in
                let result = try await fetch(fixture, server.url + "/a/x")
                #expect(result.failure == nil)
                #expect(result.stored?.name == "x")
            }
        }
    }

    @Test func `five redirects are followed, six are not`() async throws {
        let bytes = bytes
        for count in [5, 6] {
            try await Fixture.run { fixture in
                try await RawServer.run { index, _, connection in
                    if index == count { return connection.answer("200 OK", [], bytes) }
                    connection.answer("302 Found", ["Location: /\(index + 1)"])
                } _: { server in
                    let result = try await fetch(fixture, server.url + "/0")
                    #expect((result.stored != nil) == (count == 5))
                    #expect(server.requests.count == 6)
                    if count == 6 { #expect(result.failure?.persistence == .permanent) }
                }
            }
        }
    }

    @Test func `a redirect to itself ends`() async throws {
        try await Fixture.run { fixture in
            try await RawServer.run { _, _, connection in
                connection.answer("302 Found", ["Location: /loop"])
            } _: { server in
                let result = try await fetch(fixture, server.url + "/loop")
                #expect(result.failure?.code == .fetchRefused)
                #expect(server.requests.count == 6)
            }
        }
    }

    @Test func `credentials stay with their origin and are not taken up again`() async throws {
        let bytes = bytes
        try await Fixture.run { fixture in
            let first = Shared("")
            try await RawServer.run { _, _, connection in
                connection.answer("302 Found", ["Location: \(first.value)/back"])
            } _: { other in
                try await RawServer.run { index, head, connection in
                    switch index {
                    case 0: connection.answer("302 Found", ["Location: /same-origin"])
                    case 1: connection.answer("302 Found", ["Location: \(other.url)/else"])
                    default: connection.answer("200 OK", [], bytes)
                    }
                } _: { server in
                    first.change { [url = server.url] in $0 = url }
                    let result = try await fetch(
                        fixture,
                        server.url + "/f",
                        pullSecret: try PartName("login")
                    )
                    #expect(result.failure == nil)
                    let sent = server.requests.map { header("Authorization", in: $0) }
                    #expect(sent == ["Bearer canary", "Bearer canary", nil])
                    #expect(other.requests.map { header("Authorization", in: $0) } == [nil])
                }
            }
        }
    }

    /// Clouds keep credentials on link-local addresses; the last two are ways to write such an address.
    @Test(
        arguments: [
            "http://169.254.169.254/latest/meta-data/", "http://[fe80::1]/",
            "http://metadata.google.internal/",
            "http://[fd00:ec2::254]/", "http://100.100.100.200/", "http://[::ffff:169.254.169.254]/",
            "http://0xa9fea9fe/", "http://2852039166/", "http://169.254.43518/", "ftp://example.org/f",
            "file:///etc/passwd", "http://user@example.org/", "http://example.org:99999/",
            "http://ex ample.org/",
            "http:///f", "javascript:alert(1)",
        ])
    func `a redirect to where no artifact can be is refused`(location: String) async throws {
        try await Fixture.run { fixture in
            try await RawServer.run { _, _, connection in
                connection.answer("302 Found", ["Location: \(location)"])
            } _: { server in
                let result = try await fetch(fixture, server.url + "/f")
                #expect(result.failure?.code == .fetchRefused)
                #expect(result.failure?.persistence == .permanent)
            }
        }
    }

    @Test func `a redirect without a place is refused`() async throws {
        try await Fixture.run { fixture in
            try await RawServer.run { _, _, connection in
                connection.answer("302 Found")
            } _: { server in
                let result = try await fetch(fixture, server.url + "/f")
                #expect(result.failure?.code == .fetchRefused)
            }
        }
    }
}
