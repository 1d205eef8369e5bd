import ERAAPI
import ERAClient
import ERAContracts
import ERACore
import Testing

@Suite struct ArtifactRequestTests {
    private func request(_ url: String, namespace: String = "default") throws -> ArtifactRequest {
        ArtifactRequest(
            ArtifactSpec(source: try ArtifactLocation(url), pullSecret: try PartName("login")),
            in: try NamespaceName(namespace)
        )
    }

    @Test func `what deployments keep comes back as it is`() async throws {
        try await ServerFixture.run { server in
            let digest = try Digest("sha256:" + String(repeating: "b", count: 64))
            let use = ArtifactUse(digest: digest, key: key("web"), role: .previous)
            await server.plane.keep(use)
            #expect(try await server.client.artifactUses() == [use])
        }
    }

    @Test func `a pull tells how far it has come, and then what came of it`() async throws {
        try await ServerFixture.run { server in
            var news: [ArtifactNews] = []
            for try await line in server.client.pull(try request("oci://r.example/a:1", namespace: "shop")) {
                news.append(line)
            }
            guard case .stored(let digest, let size, let path, let name, _) = news.last else {
                Issue.record("\(news)")
                return
            }
            #expect(digest.hex.hasPrefix("aaaa") && size == ByteCount(1024))
            #expect(path == "/blobs/a" && name == "a")
            let pulled = await server.plane.pulls
            #expect(pulled.map(\.namespace.rawValue) == ["shop"])
            let asked = try request("oci://r.example/a:1").artifact
            #expect(pulled.first?.artifact == asked)
        }
    }

    @Test func `a pull that fails says why`() async throws {
        try await ServerFixture.run { server in
            let error = await #expect(throws: ClientError.self) {
                for try await _ in server.client.pull(try request("oci://r.example/missing")) {}
            }
            #expect(error?.description == "404 for oci://r.example/missing")
        }
    }

    @Test func `a pull over a network needs a digest`() async throws {
        try await ServerFixture.run { server in
            let error = await #expect(throws: ClientError.self) {
                for try await _ in server.client.pull(try request("https://example.org/a.tgz")) {}
            }
            #expect(error?.status?.code == 400)
            #expect(error?.description.contains("add its sha256") == true)
            #expect(await server.plane.pulls.isEmpty)
        }
    }

    @Test func `who hangs up stops the pull`() async throws {
        try await ServerFixture.run { server in
            let pull = Task {
                for try await _ in server.client.pull(try request("oci://r.example/endless")) {}
            }
            try await eventually("it has begun") { await server.plane.pulls.count == 1 }
            pull.cancel()
            _ = await pull.result
            try await eventually("it was stopped") { await server.plane.stoppedPulls == 1 }
        }
    }

    @Test(arguments: [false, true])
    func `a collection says what it freed`(all: Bool) async throws {
        try await ServerFixture.run { server in
            let freed = try await server.client.collectArtifacts(all: all)
            #expect(freed == ByteCount(4096))
            #expect(await server.plane.collections == [all])
        }
    }
}
