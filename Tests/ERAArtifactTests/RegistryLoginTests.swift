import ERACore
import ERAContracts
import ERAOCI
import Foundation
import Testing

@testable import ERAArtifact

@Suite struct RegistryLoginTests {
    @Test(
        arguments: [
            (
                [#"Bearer realm="https://a/t",service="s",scope="repository:x:pull""#],
                Challenge.bearer(realm: "https://a/t", service: "s", scope: "repository:x:pull")
            ),
            (["Basic realm=\"x\""], .basic),
            (["basic"], .basic),
            (
                [#"Basic realm="x", Bearer realm="https://a""#],
                .bearer(realm: "https://a", service: nil, scope: nil)
            ),
            (["Negotiate", #"bEARER Realm="a\"b""#], .bearer(realm: "a\"b", service: nil, scope: nil)),
            (["Bearer service=\"x\""], nil), (["Bearer realm=\"x"], nil), ([], nil), ([""], nil),
            ([",,,"], nil), (["Digest realm=\"x\""], nil),
            ([String(repeating: "a", count: 5000) + ", Basic"], nil),
        ] as [([String], Challenge?)]
    )
    func `a challenge is read`(_ headers: [String], _ challenge: Challenge?) {
        #expect(Challenge.first(in: headers) == challenge)
    }

    /// The registry, those of plain http, the realm, and whether it may be asked.
    @Test(
        arguments: [
            ("registry.example", [], "https://auth.example/token", true),
            ("registry.example", [], "http://auth.example/token", false),
            ("registry.example", ["auth.example"], "http://auth.example/token", false),
            ("registry.example:5000", ["registry.example:5000"], "http://registry.example:5001/token", true),
            ("registry.example:5000", ["registry.example:5000"], "http://auth.example/token", false),
            (
                "registry.example:5000", ["registry.example:5000", "auth.example:80"],
                "http://auth.example/token", true
            ),
            (
                "registry.example:5000", ["registry.example:5000", "auth.example:81"],
                "http://auth.example/token", false
            ),
            ("registry.example", [], "https://127.0.0.1/token", false),
            ("registry.example", [], "https://169.254.169.254/token", false),
            ("registry.example", [], "https://[fe80::1]/token", false),
            ("registry.example", [], "https://10.0.0.1/token", false),
            ("registry.example", [], "https://172.20.0.1/token", false),
            ("registry.example", [], "https://[fd00::1]/token", false),
            ("registry.example", [], "https://[::ffff:10.0.0.1]/token", false),
            ("10.0.0.2", [], "https://10.0.0.1/token", true),
            ("registry.example", [], "ftp://auth.example", false),
            ("registry.example", [], "https://user@auth.example", false),
        ] as [(String, Set<String>, String, Bool)]
    )
    func `a token is asked for only where that is safe`(
        _ registry: String,
        _ insecure: Set<String>,
        _ realm: String,
        _ isAllowed: Bool
    ) throws {
        let place = try RegistryPlace(registry, insecure: insecure)
        if isAllowed {
            _ = try place.realm(realm, insecure: insecure)
        } else {
            #expect(throws: Failure.self) { try place.realm(realm, insecure: insecure) }
        }
    }

    @Test func `logins are read as docker and podman write them`() throws {
        let text = """
            {"auths":{"https://registry.example/v1/":{"auth":"dXNlcjpwYTpzcw=="},
            "registry.example/team":{"username":"team","password":"secret"},
            "other.example:5000":{"auth":"???"},"token.example":{"registrytoken":"abc"},
            "bad.example":{"username":"a:b","password":"x"}},"HttpHeaders":{}}
            """
        let logins = try DockerConfig(Array(text.utf8))
        let general = Credentials.basic(username: "user", password: "pa:ss")
        #expect(logins.credentials(registry: "registry.example", repository: "app") == general)
        #expect(logins.credentials(registry: "registry.example", repository: "teams/app") == general)
        #expect(
            logins.credentials(registry: "registry.example", repository: "team/app")
                == .basic(username: "team", password: "secret")
        )
        #expect(logins.credentials(registry: "registry.example:5000", repository: "team/app") == nil)
        #expect(logins.credentials(registry: "other.example:5000", repository: "a") == nil)
        #expect(logins.credentials(registry: "bad.example", repository: "a") == nil)
        #expect(logins.credentials(registry: "token.example", repository: "a") == .bearer(token: "abc"))
        #expect("\(logins)" == "(logins)")
        for text in ["", "[]", "{", "null"] {
            #expect(throws: InvalidValue.self) { try DockerConfig(Array(text.utf8)) }
        }
    }

    @Test func `a token is asked for with the login, used until it expires, and not shown elsewhere`()
        async throws
    {
        try await Fixture.run { fixture in
            var content = RegistryContent()
            try content.image([payload(1000), payload(1000, seed: 2)], tag: "1")
            let registry = content
            let served = Shared(0)
            try await RawServer.run { _, request, connection in
                // Where blobs really are: another host, which must not see the token.
                registry.answer(request, connection)
            } _: { storage in
                try await RawServer.run { _, request, connection in
                    let port = header("Host", in: request) ?? ""
                    if path(request).hasPrefix("/token?") {
                        guard header("Authorization", in: request) == "Basic dXNlcjpwYXNz" else {
                            return connection.answer("401 Unauthorized")
                        }
                        served.change { $0 += 1 }
                        let token = #"{"token":"t\#(served.value)","expires_in":100}"#
                        return connection.answer("200 OK", [], Array(token.utf8))
                    }
                    guard header("Authorization", in: request) == "Bearer t\(served.value)" else {
                        let realm =
                            #"Bearer realm="http://\#(port)/token",service="s",scope="repository:team/app:pull""#
                        return connection.answer("401 Unauthorized", ["WWW-Authenticate: \(realm)"])
                    }
                    if path(request).contains("/blobs/") {
                        return connection.answer(
                            "307 Temporary Redirect",
                            ["Location: \(storage.url)\(path(request))"]
                        )
                    }
                    registry.answer(request, connection)
                } _: { server in
                    let spec = try ArtifactSpec(
                        "oci://\(server.host)/team/app:1",
                        nil,
                        pullSecret: PartName("login")
                    )
                    let options = fixture.options(insecure: server, storage)
                    let login = Credentials.basic(username: "user", password: "pass")
                    try await fixture.fetching(options, credentials: { _, _ in login }) { fetcher in
                        _ = try await fetcher.fetch(spec)
                        #expect(served.value == 1)
                        _ = try await fetcher.fetch(spec)
                        #expect(served.value == 1)
                        fixture.time.advance(by: .seconds(100))
                        _ = try await fetcher.fetch(spec)
                        #expect(served.value == 2)
                    }
                    #expect(storage.requests.count == 3)
                    #expect(storage.requests.allSatisfy { header("Authorization", in: $0) == nil })
                    let first = try #require(server.requests.first { path($0).hasPrefix("/token?") })
                    #expect(path(first) == "/token?service=s&scope=repository:team/app:pull")
                    let wrong = Credentials.basic(username: "user", password: "wrong")
                    try await fixture.fetching(options, credentials: { _, _ in wrong }) { fetcher in
                        let failure = try await fetcher.failure(spec)
                        #expect(failure?.code == .fetchRefused)
                        #expect(failure?.persistence == .permanent)
                        #expect(failure?.message.contains("wrong") == false)
                    }
                }
            }
        }
    }

    @Test func `a password is sent only when it is asked for, from a file of logins too`() async throws {
        try await Fixture.run { fixture in
            var content = RegistryContent()
            try content.image([payload(1000)], tag: "1")
            let registry = content
            try await RawServer.run { _, request, connection in
                guard header("Authorization", in: request) == "Basic dXNlcjpwYXNz" else {
                    return connection.answer("401 Unauthorized", ["WWW-Authenticate: Basic realm=\"x\""])
                }
                registry.answer(request, connection)
            } _: { server in
                let spec = try ArtifactSpec("oci://\(server.host)/team/app:1", nil)
                var options = fixture.options(insecure: server)
                try await fixture.fetching(options) { fetcher in
                    let failure = try await fetcher.failure(spec)
                    #expect(failure?.message.contains("pullSecret") == true)
                }
                let file = fixture.directory + "/auth.json"
                try write(Array(#"{"auths":{"\#(server.host)":{"auth":"dXNlcjpwYXNz"}}}"#.utf8), to: file)
                options.loginFiles = [fixture.directory + "/missing.json", file]
                try await fixture.fetching(options) { fetcher in
                    let stored = try await fetcher.fetch(spec)
                    #expect(stored.content == .image)
                }
                #expect(header("Authorization", in: server.requests[0]) == nil)
            }
        }
    }
}
