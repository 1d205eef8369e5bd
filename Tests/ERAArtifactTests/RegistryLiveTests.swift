import ERACore
import ERAContracts
import ERAOCI
import Foundation
import Glibc
import Testing

@testable import ERAArtifact

/// Images from a real registry.
@Suite(.enabled(if: LiveRegistry.isInstalled, LiveRegistry.hint), .timeLimit(.minutes(3)))
struct RegistryLiveTests {
    private func options(_ registry: LiveRegistry) -> FetchOptions {
        var options = FetchOptions()
        options.insecureRegistries = [registry.host]
        return options
    }

    private func spec(_ registry: LiveRegistry, _ tag: String = "1", login: Bool = false) throws
        -> ArtifactSpec
    {
        try ArtifactSpec(
            "oci://\(registry.host)/team/app:\(tag)",
            nil,
            pullSecret: login ? PartName("login") : nil
        )
    }

    /// Fills a registry, and starts it anew with this section `auth`.
    private func guarded(_ content: RegistryContent, in directory: String, auth: String) async throws
        -> LiveRegistry
    {
        let open = try await LiveRegistry(in: directory)
        defer { open.stop() }
        try open.push(content)
        return try await LiveRegistry(in: directory, auth: auth)
    }

    @Test(
        .enabled(
            if: access("/usr/bin/htpasswd", X_OK) == 0,
            "htpasswd is not installed here (apt-get install apache2-utils)"
        )
    )
    func `an image behind a password is for those who know it`() async throws {
        try await Fixture.run { fixture in
            let directory = fixture.directory
            let made = try Tool(["htpasswd", "-Bbn", "user", "pass"], in: directory)
            try #require(made.waitForExit() == 0)
            try write(Array(made.output.utf8), to: directory + "/htpasswd")
            var content = RegistryContent()
            let digest = try content.image(
                [[UInt8](repeating: 7, count: 8 << 20), payload(1000, seed: 2)],
                tag: "1"
            )
            let registry = try await guarded(
                content,
                in: directory,
                auth: "{htpasswd: {realm: test, path: \(directory)/htpasswd}}"
            )
            defer { registry.stop() }
            let options = options(registry)
            let login = Credentials.basic(username: "user", password: "pass")
            try await fixture.fetching(options, credentials: { _, _ in login }) { fetcher in
                let anonymous = try await fetcher.failure(spec(registry))
                #expect(anonymous?.code == .fetchRefused)
                #expect(anonymous?.message.contains("podman login \(registry.host)") == true)
                let stored = try await fetcher.fetch(spec(registry, login: true))
                #expect(stored.digest == digest && stored.content == .image)
                let missing = try await fetcher.failure(spec(registry, "2", login: true))
                #expect(missing?.code == .fetchFailed && missing?.persistence == .permanent)
                #expect(missing?.message.contains("push it") == true, "\(missing?.message ?? "")")
            }
            let wrong = Credentials.basic(username: "user", password: "wrong")
            try await fixture.fetching(options, credentials: { _, _ in wrong }) { fetcher in
                let failure = try await fetcher.failure(spec(registry, "2", login: true))
                #expect(failure?.code == .fetchRefused)
                #expect(failure?.message.contains("the secret login") == true)
            }
        }
    }

    @Test func `an index of two platforms brings the one of this machine`() async throws {
        try await Fixture.run { fixture in
            var content = RegistryContent()
            let own = try content.image([payload(1000)])
            let foreign = try content.image([payload(1000, seed: 9)])
            let entries = [(foreign, "s390x"), (own, Platform.host.architecture)].map {
                digest,
                architecture in
                let size = content.manifests["\(digest)"]?.bytes.count ?? 0
                return #"{"mediaType":"\#(MediaType.imageManifest)","size":\#(size),"digest":"\#(digest)","#
                    + #""platform":{"os":"linux","architecture":"\#(architecture)"}}"#
            }
            let index = try content.manifest(
                #"{"schemaVersion":2,"mediaType":"\#(MediaType.imageIndex)","#
                    + #""manifests":[\#(entries.joined(separator: ","))]}"#,
                .imageIndex,
                tag: "1"
            )
            let registry = try await LiveRegistry(in: fixture.directory)
            defer { registry.stop() }
            try registry.push(content)
            try await fixture.fetching(options(registry)) { fetcher in
                let stored = try await fetcher.fetch(spec(registry))
                #expect(stored.digest == own)
                #expect(stored.resolved == "\(registry.host)/team/app:1@\(index)")
                #expect(try fixture.store.lookup(foreign) == nil)
            }
        }
    }

    @Test(
        .enabled(
            if: access("/usr/bin/openssl", X_OK) == 0,
            "openssl is not installed here (apt-get install openssl)"
        ),
        arguments: [
            Credentials.basic(username: "user", password: "pass"), .identity(token: "refresh"),
        ]
    )
    func `a token server lets in who has a password or an identity token`(_ login: Credentials) async throws {
        try await Fixture.run { fixture in
            var content = RegistryContent()
            let digest = try content.image([payload(100_000), payload(1000, seed: 2)], tag: "1")
            let tokens = try TokenServer(in: fixture.directory)
            try await RawServer.run { _, request, connection in
                let form = connection.body(of: request)
                let isKnown =
                    header("Authorization", in: request) == "Basic dXNlcjpwYXNz"
                    || request.hasPrefix("POST") && form.contains("grant_type=refresh_token")
                        && form.contains("service=live") && form.hasSuffix("refresh_token=refresh")
                // An empty token is none: the test fails then.
                let token = (try? tokens.token()) ?? ""
                guard isKnown else { return connection.answer("401 Unauthorized") }
                connection.answer("200 OK", [], Array(#"{"token":"\#(token)","expires_in":300}"#.utf8))
            } _: { server in
                let registry = try await guarded(
                    content,
                    in: fixture.directory,
                    auth: #"{token: {realm: "\#(server.url)/token", \#(tokens.settings)}}"#
                )
                defer { registry.stop() }
                let credentials: CredentialsProvider = { _, _ in login }
                try await fixture.fetching(options(registry), credentials: credentials) { fetcher in
                    let wrong = try spec(registry, "1", login: false)
                    #expect(try await fetcher.failure(wrong)?.code == .fetchRefused)
                    let asked = server.requests.count
                    let stored = try await fetcher.fetch(spec(registry, login: true))
                    #expect(stored.digest == digest)
                    #expect(server.requests.count == asked + 1, "one token for the whole image")
                }
            }
        }
    }

    /// This docker-registry has no list of referrers.
    @Test func `what refers to an image is found by the tag that stands in for the list`() async throws {
        try await Fixture.run { fixture in
            let signer = Signer("images")
            var content = RegistryContent()
            let digest = try content.image([payload(1000)], tag: "1")
            try content.refer(to: digest, signer, in: "sha256-\(digest.hex)")
            let registry = try await LiveRegistry(in: fixture.directory)
            defer { registry.stop() }
            try registry.push(content)
            let policy = TrustPolicy(keys: [signer.trusted])
            let stored = try await fixture.fetch(spec(registry), policy, options(registry))
            #expect(stored.digest == digest && stored.signature?.signedBy.count == 1)
            #expect(registry.log.contains("/referrers/sha256:\(digest.hex) HTTP/1.1\" 404"))
        }
    }

    @Test func `a layer goes on where the registry died`() async throws {
        try await Fixture.run { fixture in
            let directory = fixture.directory
            var content = RegistryContent()
            // Much more than the buffers of a connection hold.
            let digest = try content.image([[UInt8](repeating: 7, count: 64 << 20)], tag: "1")
            let registry = try await LiveRegistry(in: directory)
            try registry.push(content)
            let isDead = Shared(false)
            try await fixture.fetching(options(registry)) { fetcher in
                let spec = try spec(registry)
                let failure: Failure?
                do {
                    _ = try await fetcher.fetch(spec) { report in
                        // Longer than the shortest time between two reports: the next piece is reported.
                        guard report.done.bytes > 100_000 else { return _ = usleep(150_000) }
                        guard !isDead.value else { return }
                        isDead.change { $0 = true }
                        registry.stop()
                    }
                    failure = nil
                } catch let error as Failure { failure = error }
                #expect(failure?.code == .fetchFailed && failure?.persistence == .transient)
                let again = try await LiveRegistry(in: directory, host: registry.host)
                defer { again.stop() }
                #expect(try await fetcher.fetch(spec).digest == digest)
                #expect(again.log.contains("\" 206 "), "\(again.log)")
                #expect(fixture.leftovers.isEmpty)
            }
        }
    }
}
