import ERAAPI
import ERAClient
import ERAContracts
import ERACore
import Testing

/// What `era` asks, answered by a real server on a real socket.
@Suite(.serialized) struct DeploymentRequestTests {
    @Test func `apply creates, configures, and leaves alone what has not changed`() async throws {
        try await ServerFixture.run { server async throws in
            let first = try await server.client.apply(manifest("web"))
            #expect(first.effect == .created)
            #expect(first.object.key == key("web"))
            #expect(first.object.phase == .requested)
            let second = try await server.client.apply(manifest("web", version: "1.1.0"))
            #expect(second.effect == .configured)
            #expect(second.object.generation == 2)
            let third = try await server.client.apply(manifest("web", version: "1.1.0"))
            #expect(third.effect == .unchanged)
            #expect(third.object.resourceVersion == second.object.resourceVersion)
            let got = try await server.client.get(key("web"))
            #expect(got == third.object)
        }
    }

    @Test func `a dry run answers what would be and changes nothing`() async throws {
        try await ServerFixture.run { server async throws in
            let would = try await server.client.apply(manifest("web"), dryRun: true)
            #expect(would.effect == .created)
            #expect(try await server.client.list().items.isEmpty)
            try await server.apply("web")
            let before = try await server.client.get(key("web"))
            try await server.client.delete(key("web"), dryRun: true)
            #expect(try await server.client.get(key("web")) == before)
        }
    }

    @Test func `lists choose by namespace, labels and fields`() async throws {
        try await ServerFixture.run { server async throws in
            try await server.apply("a", labels: ["app": "x"])
            try await server.apply("b", labels: ["app": "y"])
            var other = manifest("c")
            other = other.merging(["metadata": ["namespace": "other"]])
            _ = try await server.client.apply(other)
            let all = try await server.client.list()
            #expect(all.items.map(\.name) == ["a", "b", "c"])
            #expect(all.resourceVersion == "103")
            #expect(try await server.client.list(namespace: .default).items.map(\.name) == ["a", "b"])
            #expect(try await server.client.list(labelSelector: "app in (y,z)").items.map(\.name) == ["b"])
            #expect(try await server.client.list(fieldSelector: "metadata.name=c").items.map(\.name) == ["c"])
            let error = await #expect(throws: ClientError.self) {
                try await server.client.list(labelSelector: "app in y")
            }
            #expect(error?.status?.code == 400)
        }
    }

    @Test func `what is not there is not found`() async throws {
        try await ServerFixture.run { server async throws in
            let error = await #expect(throws: ClientError.self) { try await server.client.get(key("web")) }
            #expect(error?.isNotFound == true)
            #expect(error?.description == "deployments.era.dev \"web\" not found")
            #expect(error?.exitCode == 1)
            await server.plane.say("web.yaml:1:1: error: spec: is missing", of: key("web"))
            let broken = await #expect(throws: ClientError.self) { try await server.client.get(key("web")) }
            #expect(
                broken?.description
                    == "deployments.era.dev \"web\" not found: web.yaml:1:1: error: spec: is missing"
            )
            #expect(broken?.status?.causes.map(\.reason) == [APIStatus.sourceProblem])
            let deleted = await #expect(throws: ClientError.self) {
                try await server.client.delete(key("web"))
            }
            #expect(deleted?.isNotFound == true)
            let logs = await #expect(throws: ClientError.self) {
                for try await _ in server.client.logs(key("web")) {}
            }
            #expect(logs?.isNotFound == true)
        }
    }

    @Test func `what a file declares is refused with the place to change it`() async throws {
        try await ServerFixture.run { server async throws in
            try await server.plane.declareFromFile(
                Deployment(
                    metadata: Metadata(name: DeploymentName(checked: "web")),
                    spec: DeploymentSpec(
                        version: try SemanticVersion("1.0.0"),
                        runtime: RuntimeSpec(plugin: .process),
                        command: ["bin/app"]
                    )
                )
            )
            for attempt in [
                { _ = try await server.client.apply(manifest("web", version: "2.0.0")) },
                { _ = try await server.client.delete(key("web")) },
            ] as [() async throws -> Void] {
                let error = await #expect(throws: ClientError.self) { try await attempt() }
                #expect(error?.isConflict == true)
                #expect(
                    error?.description.contains("directory:/etc/era/manifests/web.yaml; change it there")
                        == true
                )
            }
            #expect(try await server.client.get(key("web")).origin == ScriptedControlPlane.origin)
        }
    }

    @Test func `a stale version is a conflict`() async throws {
        try await ServerFixture.run { server async throws in
            let first = try await server.client.apply(manifest("web")).object
            try await server.apply("web", version: "1.1.0")
            let stale = manifest("web", version: "1.2.0")
                .merging(["metadata": ["resourceVersion": .string(first.resourceVersion)]])
            let error = await #expect(throws: ClientError.self) { try await server.client.apply(stale) }
            #expect(error?.status?.code == 409)
            #expect(error?.status?.reason == "Conflict")
            #expect(try await server.client.get(key("web")).declaredVersion == "1.1.0")
        }
    }

    @Test func `unknown fields are refused unless they are to be ignored`() async throws {
        try await ServerFixture.run { server async throws in
            let odd = manifest("web").merging(["spec": ["colour": "red"]])
            let error = await #expect(throws: ClientError.self) { try await server.client.apply(odd) }
            #expect(error?.status?.code == 400)
            #expect(error?.description == "strict decoding error: unknown field \"spec.colour\"")
            #expect(try await server.client.apply(odd, ignoringUnknownFields: true).effect == .created)
        }
    }

    @Test func `a manifest that breaks rules is refused with all causes`() async throws {
        try await ServerFixture.run { server async throws in
            let bad = manifest("web").merging([
                "spec": ["version": "one", "ports": [["name": "p", "port": 70000]]]
            ])
            let error = await #expect(throws: ClientError.self) { try await server.client.apply(bad) }
            #expect(error?.status?.code == 422)
            #expect(error?.status?.causes.map(\.field).contains("spec.version") == true)
            #expect(error?.status?.causes.map(\.field).contains("spec.ports[0].port") == true)
        }
    }

    @Test func `delete shows the deployment while it goes`() async throws {
        try await ServerFixture.run { server async throws in
            try await server.apply("web")
            let going = try await server.client.delete(key("web"))
            #expect(going.phase == .stopping)
            #expect(going.deletedAt != nil)
            #expect(try await server.client.delete(key("web")) == going, "asking again is harmless")
            await server.plane.finishDeletion(key("web"))
            let error = await #expect(throws: ClientError.self) { try await server.client.get(key("web")) }
            #expect(error?.isNotFound == true)
        }
    }

    @Test func `what people ask for reaches the engine`() async throws {
        try await ServerFixture.run { server async throws in
            try await server.apply("web")
            let intents: [Intent] = [
                .retry, .rollback(to: RevisionNumber(3)), .accept, .restart, .suspend, .resume,
            ]
            for intent in intents { try await server.client.request(intent, for: key("web")) }
            #expect(await server.plane.intents == intents)
            let refused = await #expect(throws: ClientError.self) {
                try await server.client.request(.rollback(to: nil), for: key("web"))
            }
            #expect(refused?.status?.reason == "Refused")
            #expect(refused?.description.contains("name one with --to") == true)
        }
    }

    @Test func `a store that cannot be written is unavailable, not broken`() async throws {
        try await ServerFixture.run { server async throws in
            await server.plane.setDegraded("no space left on the disk of /var/lib/era")
            let error = await #expect(throws: ClientError.self) {
                try await server.client.apply(manifest("web"))
            }
            #expect(error?.status?.code == 503)
            #expect(error?.status?.retryAfterSeconds == 5)
            #expect(error?.description.contains("no space left") == true)
            #expect(try await server.client.health().degraded != nil)
        }
    }

    @Test func `the daemon tells about itself`() async throws {
        try await ServerFixture.run { server async throws in
            try await server.apply("web")
            await server.plane.setHeld([key("old")])
            #expect(try await server.client.version() == VersionObject(era: "0.1.0", kubernetes: "v1.33.0"))
            #expect(try await server.client.health() == (await server.plane.health()))
            #expect(try await server.client.sources() == (await server.plane.sources()))
            #expect(try await server.client.plugins() == (await server.plane.plugins()))
            let listed = await server.plane.plugins()
            #expect(try await server.client.plugin(.process) == listed.first)
            #expect(try await server.client.plugin(PluginName(checked: "site")) == listed.last)
            let missing = await #expect(throws: ClientError.self) {
                try await server.client.plugin(PluginName(checked: "wasm"))
            }
            #expect(missing?.isNotFound == true)
            #expect(try await server.client.confirmPrune() == [key("old")])
            #expect(try await server.client.confirmPrune().isEmpty)
            try await server.client.resync()
            #expect(await server.plane.resyncs == 1)
        }
    }

    @Test func `nobody listening is said so at once, with what to do`() async throws {
        let client = ERAClient(socketPath: "/tmp/era-there-is-no-such-directory/era.sock")
        let error = await #expect(throws: ClientError.self) { try await client.list() }
        #expect(error?.exitCode == 3)
        #expect(error?.description.contains("era daemon") == true)
        #expect(error?.description.contains("--run-dir") == true)
    }

    @Test func `a path that no socket can have is said so`() async throws {
        let client = ERAClient(socketPath: "/tmp/" + String(repeating: "x", count: 200) + "/era.sock")
        let error = await #expect(throws: ClientError.self) { try await client.list() }
        #expect(error?.exitCode == 3)
    }

    @Test func `an answer that does not come in time is a time-out`() async throws {
        let directory = try temporaryDirectory()
        defer { removeDirectory(directory) }
        let deaf = try DeafListener(directory + "/era.sock")
        let client = ERAClient(socketPath: deaf.path, timeout: .milliseconds(300))
        let error = await #expect(throws: ClientError.self) { try await client.list() }
        #expect(error?.exitCode == 5)
    }

    @Test func `making a client is cheap`() {
        let clock = ContinuousClock()
        _ = ERAClient(socketPath: "/tmp/warm-up.sock")
        let best = (0..<10).map { _ in clock.measure { _ = ERAClient(socketPath: "/tmp/none.sock") } }.min()
        #expect(best ?? .seconds(1) < .milliseconds(5))
    }
}
