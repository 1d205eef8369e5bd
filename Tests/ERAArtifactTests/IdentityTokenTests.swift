import ERACore
import ERAContracts
import Foundation
import Testing

@testable import ERAArtifact

/// An identity token buys tokens at the token server, and goes nowhere else.
@Suite struct IdentityTokenTests {
    /// Runs `body` with a registry that sends for tokens, and what was posted for one.
    private func serving(
        _ fixture: Fixture,
        token: @escaping @Sendable (_ form: String, RawConnection) -> Void,
        _ body: (RawServer, ArtifactSpec, FetchOptions) async throws -> Void
    ) async throws {
        var content = RegistryContent()
        try content.image([payload(1000), payload(1000, seed: 2)], tag: "1")
        let registry = content
        try await RawServer.run { _, request, connection in
            if path(request).hasPrefix("/token") { return token(connection.body(of: request), connection) }
            guard header("Authorization", in: request) == "Bearer granted" else {
                let host = header("Host", in: request) ?? ""
                let realm = #"Bearer realm="http://\#(host)/token?a=b",service="s x""#
                return connection.answer("401 Unauthorized", ["WWW-Authenticate: \(realm)"])
            }
            registry.answer(request, connection)
        } _: { server in
            let file = fixture.directory + "/config.json"
            let login = #"{"auths":{"\#(server.host)":{"auth":"MDAwOg==","identitytoken":"id&1+"}}}"#
            try write(Array(login.utf8), to: file)
            var options = fixture.options(insecure: server)
            options.loginFiles = [file]
            try await body(server, try ArtifactSpec("oci://\(server.host)/team/app:1", nil), options)
        }
    }

    @Test func `it is posted for a token, which is used until it expires`() async throws {
        try await Fixture.run { fixture in
            let forms = Shared<[String]>([])
            try await serving(fixture) { form, connection in
                forms.change { $0.append(form) }
                let answer = #"{"access_token":"granted","expires_in":100,"refresh_token":"other"}"#
                connection.answer("200 OK", [], Array(answer.utf8))
            } _: { server, spec, options in
                try await fixture.fetching(options) { fetcher in
                    #expect(try await fetcher.fetch(spec).content == .image)
                    _ = try await fetcher.fetch(spec)
                }
                let scope = "scope=repository:team/app:pull"
                #expect(
                    forms.value == [
                        "grant_type=refresh_token&client_id=era&service=s%20x&\(scope)&refresh_token=id%261%2B"
                    ]
                )
                let request = try #require(server.requests.first { path($0).hasPrefix("/token") })
                #expect(request.hasPrefix("POST /token?a=b HTTP/1.1"))
                #expect(header("Content-Type", in: request) == "application/x-www-form-urlencoded")
                #expect(header("Authorization", in: request) == nil)
                #expect(server.requests.allSatisfy { !$0.contains("id&1") && !$0.contains("id%261") })
            }
        }
    }

    /// How a token server refuses, by OAuth 2.0 and as others do.
    @Test(arguments: ["400 Bad Request", "401 Unauthorized", "403 Forbidden"])
    func `one that has expired is refused with what to do`(_ status: String) async throws {
        try await Fixture.run { fixture in
            try await serving(fixture) { _, connection in
                connection.answer(status, [], Array(#"{"error":"invalid_grant"}"#.utf8))
            } _: { server, spec, options in
                try await fixture.fetching(options) { fetcher in
                    let failure = try await fetcher.failure(spec)
                    #expect(failure?.code == .fetchRefused && failure?.persistence == .permanent)
                    let message = failure?.message ?? ""
                    #expect(message.contains("podman login \(server.host)"), "\(message)")
                    #expect(message.contains("config.json") && !message.contains("id&1"), "\(message)")
                }
            }
        }
    }

    @Test func `it follows no redirect`() async throws {
        try await Fixture.run { fixture in
            try await RawServer.run { _, _, connection in
                connection.answer("200 OK", [], Array(#"{"access_token":"granted"}"#.utf8))
            } _: { other in
                try await serving(fixture) { _, connection in
                    connection.answer("307 Temporary Redirect", ["Location: \(other.url)/token"])
                } _: { _, spec, options in
                    try await fixture.fetching(options) { fetcher in
                        let failure = try await fetcher.failure(spec)
                        #expect(failure?.code == .fetchRefused && failure?.persistence == .permanent)
                        #expect(failure?.message.contains("redirects a login") == true)
                    }
                }
                #expect(other.requests.isEmpty)
            }
        }
    }
}
