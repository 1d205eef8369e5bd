import ERACore
import ERAContracts
import ERALinux
import Foundation
import Testing

@testable import ERAArtifact

/// Artifacts of files and of http, with signatures in files of their own.
@Suite struct SignatureTests {
    private let signer = Signer("release")
    private let other = Signer("other")

    /// A signed file of this machine, and its spec.
    private func artifact(_ fixture: Fixture, _ bytes: [UInt8], by signers: Signer...) throws -> ArtifactSpec
    {
        let path = fixture.directory + "/app"
        try write(bytes, to: path)
        if let first = signers.first {
            try write(Array(try first.signature(of: bytes).utf8), to: path + ".sig")
        }
        return ArtifactSpec(source: try ArtifactLocation("file://" + path), signature: signer.spec)
    }

    @Test func `what a trusted key signed is fetched, and who it was is said`() async throws {
        try await Fixture.run { fixture in
            let spec = try artifact(fixture, payload(300_000), by: signer)
            let signature = try #require(try await fixture.fetch(spec).signature)
            #expect(signature.signedBy.count == 1)
            #expect(signature.signedBy[0].hasPrefix("cosign key sha256:"))
            #expect(signature.warnings.isEmpty && signature.version == nil)
            let evidence = try #require(signature.evidence.first)
            #expect(try fixture.store.lookup(evidence) != nil)
            #expect(fixture.leftovers.isEmpty)
        }
    }

    @Test func `a key that is none is known without a fetch, by the name of its field`() async throws {
        try await Fixture.run { fixture in
            var spec = try artifact(fixture, payload(9))
            try await fixture.fetching { fetcher in
                #expect(fetcher.problems(of: spec).isEmpty)
                spec.signature = signer.spec
                #expect(fetcher.problems(of: spec).isEmpty)
                spec.signature?.keys = [.text("RWQ")]
                let problem = try #require(fetcher.problems(of: spec).first)
                #expect(problem.field == "spec.artifact.signature.publicKey")
                #expect(problem.message.hasPrefix("cannot read the cosign public key: "))
                let good = try #require(signer.spec.keys.first)
                spec.signature?.keys = [good, .file("/not/there"), .text("-----BEGIN PRIVATE KEY-----")]
                #expect(
                    fetcher.problems(of: spec).map(\.field) == ["spec.artifact.signature.keys[2].publicKey"]
                )
            }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `what signs bytes and not a hash waits for its turn, since all of them have to be in memory`()
        async throws
    {
        try await Fixture.run { fixture in
            let signer = BytesSigner()
            var spec = try artifact(fixture, payload(9))
            spec.signature = signer.spec
            try write(Array(try signer.signature(of: payload(9)).utf8), to: fixture.directory + "/app.sig")
            let demand = spec
            try await fixture.fetching { fetcher in
                let wholes = fetcher.signatures.wholes
                func hold(_ places: Int, _ body: () async throws -> Void) async throws {
                    guard places > 0 else { return try await body() }
                    try await wholes.withPermit(queued: {}) { try await hold(places - 1, body) }
                }
                var fetch: Task<StoredArtifact, any Error>?
                try await hold(DetachedSignatures.wholeLimit) {
                    fetch = Task { try await fetcher.fetch(demand, in: .default, known: nil) { _ in } }
                    let isWaiting = try await eventually { wholes.waiting == 1 }
                    #expect(isWaiting)
                }
                let begun = try #require(fetch)
                let stored = try await begun.value
                #expect(stored.signature?.signedBy.count == 1)
            }
        }
    }

    @Test func `what another key signed, nobody, or somebody for other bytes, is refused`() async throws {
        try await Fixture.run { fixture in
            let wrong = try await fixture.failure(try artifact(fixture, payload(9), by: other))
            #expect(wrong?.code == .signatureInvalid && wrong?.persistence == .permanent)
            #expect(wrong?.message.contains("cosign key sha256:") == true)

            let spec = try artifact(fixture, payload(9), by: signer)
            try write(payload(10), to: fixture.directory + "/app")
            #expect(try await fixture.failure(spec)?.code == .signatureInvalid)
            for bytes in [[], Array("AAAA".utf8), Array("not base64!".utf8), [0xFF], payload(100)] {
                try write(bytes, to: fixture.directory + "/app.sig")
                #expect(try await fixture.failure(spec)?.code == .signatureInvalid)
            }
            try write([UInt8](repeating: 65, count: (1 << 20) + 1), to: fixture.directory + "/app.sig")
            #expect(try await fixture.failure(spec)?.code == .artifactTooLarge)

            try FileManager.default.removeItem(atPath: fixture.directory + "/app.sig")
            let missing = try await fixture.failure(spec)
            #expect(missing?.code == .signatureMissing && missing?.persistence == .permanent)
            #expect(missing?.message.contains("/app.sig") == true)
            #expect(missing?.message.contains("/app.sigstore.json") == true)
        }
    }

    @Test func `a signature is no link, no FIFO and no folder`() async throws {
        try await Fixture.run { fixture in
            let spec = try artifact(fixture, payload(9), by: signer)
            let path = fixture.directory + "/app.sig"
            try FileManager.default.moveItem(atPath: path, toPath: path + "x")
            symlink(path + "x", path)
            #expect(try await fixture.failure(spec)?.code == .fetchRefused)
            unlink(path)
            mkfifo(path, 0o600)
            #expect(try await fixture.failure(spec)?.code == .fetchRefused)
            unlink(path)
            mkdir(path, 0o700)
            #expect(try await fixture.failure(spec)?.code == .fetchRefused)
        }
    }

    @Test func `what the store has is verified against the keys of now`() async throws {
        try await Fixture.run { fixture in
            let bytes = payload(300_000)
            var spec = try artifact(fixture, bytes, by: signer)
            spec.digest = try sha256(bytes)
            spec.signature = nil
            func policy(_ signer: Signer) -> TrustPolicy { TrustPolicy(keys: [signer.trusted]) }
            let stored = try await fixture.fetch(spec, policy(signer))
            #expect(stored.signature?.signedBy.first?.hasPrefix("release (cosign key sha256:") == true)

            // The artifact is in the store, and its key is not trusted any more.
            #expect(try await fixture.failure(spec, policy(other), known: stored)?.code == .signatureInvalid)
            #expect(try await fixture.failure(spec, policy(other))?.code == .signatureInvalid)
            // It is signed anew: what was kept is not the last word.
            let signature = Array(try other.signature(of: bytes).utf8)
            try write(signature, to: fixture.directory + "/app.sig")
            let rotated = try await fixture.fetch(spec, policy(other), known: stored)
            #expect(rotated.signature?.signedBy.first?.hasPrefix("other (") == true)

            // Upstream is gone, and what was kept is enough.
            try FileManager.default.removeItem(atPath: fixture.directory + "/app.sig")
            try FileManager.default.removeItem(atPath: fixture.directory + "/app")
            #expect(try await fixture.fetch(spec, policy(other), known: rotated) == rotated)
            #expect(try await fixture.failure(spec, policy(other))?.code == .signatureMissing)
        }
    }

    @Test func `what changed in the store after it was verified is not what is used`() async throws {
        try await Fixture.run { fixture in
            let bytes = payload(1000)
            var spec = try artifact(fixture, bytes, by: signer)
            spec.digest = try sha256(bytes)
            let stored = try await fixture.fetch(spec)
            chmod(stored.path, 0o600)
            try write(payload(1000, seed: 3), to: stored.path)
            let again = try await fixture.fetch(spec, known: stored)
            #expect(try read(again.path) == bytes)
        }
    }

    @Test func `a manifest cannot weaken the policy, and a rule can`() async throws {
        try await Fixture.run { fixture in
            // The manifest's own key signed; the policy's did not.
            let spec = try artifact(fixture, payload(9), by: signer)
            let strict = TrustPolicy(keys: [other.trusted])
            #expect(try await fixture.failure(spec, strict)?.code == .signatureInvalid)
            var unsigned = spec
            unsigned.signature = nil
            #expect(try await fixture.failure(unsigned, strict)?.code == .signatureInvalid)
            let source = try SourcePrefix("file://" + fixture.directory)
            let lax = TrustPolicy(keys: [other.trusted], rules: [.init(source: source, mode: .off)])
            #expect(try await fixture.fetch(unsigned, lax).signature == nil)
            // What the manifest asks for is verified all the same.
            #expect(try await fixture.fetch(spec, lax).signature?.signedBy.count == 1)
        }
    }

    @Test func `warn lets it pass and says what is wrong`() async throws {
        try await Fixture.run { fixture in
            var spec = try artifact(fixture, payload(9), by: signer)
            spec.signature = nil
            let policy = TrustPolicy(mode: .warn, keys: [other.trusted])
            let signature = try #require(try await fixture.fetch(spec, policy).signature)
            #expect(signature.signedBy.isEmpty && signature.evidence.isEmpty)
            #expect(signature.warnings.count == 1)
            #expect(signature.summary.hasPrefix("nobody; "))
        }
    }

    @Test func `a policy that cannot be read stops everything before it is downloaded`() async throws {
        try await Fixture.run { fixture in
            try await RawServer.run { _, _, connection in
                connection.answer("200 OK", [], payload(9))
            } _: { server in
                let trust = TrustSource {
                    throw Failure.transient(.trustPolicyInvalid, "cannot be read")
                } keyText: { _ in
                    ""
                }
                let failure = try await fixture.fetching(trust: trust) { fetcher in
                    try await fetcher.failure(ArtifactSpec(server.url + "/app", sha256(payload(9))))
                }
                #expect(failure?.code == .trustPolicyInvalid && failure?.persistence == .transient)
                // A key that is none: the manifest's stays wrong, the policy's may be mended.
                var spec = try ArtifactSpec(server.url + "/app", sha256(payload(9)))
                let bad = TrustPolicy.Key(name: signer.name, type: .cosign, place: .text("RWQ"))
                let policys = try await fixture.failure(spec, TrustPolicy(keys: [signer.trusted, bad]))
                #expect(policys?.code == .trustPolicyInvalid && policys?.persistence == .transient)
                spec.signature = SignatureSpec(type: .cosign, keys: [.text("RWQ")])
                let manifests = try await fixture.failure(spec)
                #expect(manifests?.code == .signatureInvalid && manifests?.persistence == .permanent)
                #expect(server.requests.isEmpty)
            }
        }
    }

    @Test func `keys come from files`() async throws {
        try await Fixture.run { fixture in
            var spec = try artifact(fixture, payload(9), by: signer)
            let path = fixture.directory + "/release.pub"
            try write(Array(signer.pem.utf8), to: path)
            spec.signature = SignatureSpec(type: .cosign, keys: [.text(other.pem), .file(path)])
            let signature = try await fixture.fetch(spec).signature
            #expect(signature?.signedBy.first?.hasPrefix("\(path) (cosign key") == true)
        }
    }

    @Test func `the secret goes to the host of the artifact and to no other`() async throws {
        try await Fixture.run { fixture in
            let bytes = payload(9)
            let signature = Array(try signer.signature(of: bytes).utf8)
            let answer: RawServer.Answer = { _, request, connection in
                if path(request) == "/app" { return connection.answer("200 OK", [], bytes) }
                guard path(request).hasSuffix(".sig") else { return connection.answer("404 Not Found") }
                connection.answer("200 OK", [], signature)
            }
            try await RawServer.run(answer) { own in
                try await RawServer.run(answer) { foreign in
                    let login = Credentials.basic(username: "user", password: "pass")
                    for (server, isOwn) in [(own, true), (foreign, false)] {
                        var spec = try ArtifactSpec(
                            own.url + "/app",
                            sha256(bytes),
                            pullSecret: PartName(checked: "login")
                        )
                        spec.signature = signer.spec
                        spec.signature?.source = try ArtifactLocation(server.url + "/app.sig")
                        let stored = try await fixture.fetching(credentials: { _, _ in login }) {
                            try await $0.fetch(spec)
                        }
                        #expect(stored.signature?.signedBy.count == 1)
                        let request = try #require(server.requests.last)
                        #expect(path(request) == "/app.sig")
                        #expect(request.lowercased().contains("authorization:") == isOwn)
                    }
                }
            }
        }
    }

    @Test func `troubles of the network pass, and a web page is no signature`() async throws {
        try await Fixture.run { fixture in
            let rows: [(String, [UInt8], Failure.Code, Failure.Persistence)] = [
                ("503 Service Unavailable", [], .fetchFailed, .transient),
                ("200 OK", Array("<!DOCTYPE html><html>".utf8), .fetchFailed, .transient),
                ("404 Not Found", [], .signatureMissing, .permanent),
                ("403 Forbidden", [], .fetchRefused, .permanent),
                ("200 OK", [UInt8](repeating: 65, count: (1 << 20) + 1), .artifactTooLarge, .permanent),
            ]
            for (status, body, code, persistence) in rows {
                try await RawServer.run { _, _, connection in
                    connection.answer(status, [], body)
                } _: { server in
                    var spec = try artifact(fixture, payload(9))
                    spec.signature?.source = try ArtifactLocation(server.url + "/app.sig")
                    let failure = try await fixture.failure(spec)
                    #expect(failure?.code == code && failure?.persistence == persistence, "\(status)")
                    // Plain http, where it is not allowed, is not spoken.
                    let count = server.requests.count
                    let refused = try await fixture.failure(spec, .none, FetchOptions())
                    #expect(refused?.code == .fetchRefused)
                    #expect(server.requests.count == count)
                }
            }
        }
    }

    @Test func `a signature lies beside its artifact, before the query`() throws {
        let rows: [(SignatureSpec.Kind, [String])] = [
            (.minisign, ["https://e.org/a.tar.minisig?x=1"]), (.ssh, ["https://e.org/a.tar.sig?x=1"]),
            (.cosign, ["https://e.org/a.tar.sigstore.json?x=1", "https://e.org/a.tar.sig?x=1"]),
        ]
        for (scheme, places) in rows {
            let spec = try ArtifactSpec("https://e.org/a.tar?x=1", nil)
            #expect(DetachedSignatures.places(scheme, spec).map(\.url) == places)
        }
        var spec = try ArtifactSpec("https://e.org/a.tar", nil)
        spec.signature = SignatureSpec(type: .ssh, source: try ArtifactLocation("https://s.org/x"))
        #expect(DetachedSignatures.places(.ssh, spec).map(\.url) == ["https://s.org/x"])
        #expect(DetachedSignatures.places(.minisign, spec).map(\.url) == ["https://e.org/a.tar.minisig"])
        #expect(DetachedSignatures.places(.minisign, try ArtifactSpec("oci://e.org/a", nil)).isEmpty)
    }
}
