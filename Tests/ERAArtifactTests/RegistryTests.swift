import ERACore
import ERAContracts
import ERAOCI
import Foundation
import Testing

@testable import ERAArtifact

@Suite struct RegistryTests {
    @Test func `an image comes with its configuration and layers, and its tag is resolved once`() async throws
    {
        try await Fixture.run { fixture in
            var content = RegistryContent()
            let layers = [payload(300_000), payload(200_000, seed: 2), payload(300_000)]
            let digest = try content.image(layers, tag: "1.2")
            let registry = Shared(content)
            try await RawServer.run { _, request, connection in
                registry.value.answer(request, connection)
            } _: { server in
                let spec = try ArtifactSpec("oci://\(server.host)/team/app:1.2", nil)
                try await fixture.fetching(fixture.options(insecure: server)) { fetcher in
                    let reports = Shared<[StepProgress]>([])
                    let stored = try await fetcher.fetch(spec) { report in
                        reports.change { $0.append(report) }
                    }
                    #expect(stored.content == .image)
                    #expect(stored.digest == digest)
                    #expect(stored.name == "app")
                    #expect(stored.resolved == "\(server.host)/team/app:1.2@\(digest)")
                    for layer in layers {
                        let path = fixture.directory + "/artifacts/blobs/sha256/" + (try sha256(layer)).hex
                        #expect(try read(path) == layer)
                    }
                    let last = try #require(reports.value.last)
                    #expect(last.done == last.total && last.done > ByteCount(500_000))
                    // The tag moves; the revision keeps what it was resolved to, without asking.
                    let count = server.requests.count
                    var moved = registry.value
                    let other = try moved.image([payload(10)], tag: "1.2")
                    let now = moved
                    registry.change { $0 = now }
                    let again = try await fetcher.fetch(spec, in: .default, known: stored) { _ in }
                    #expect(again == stored)
                    #expect(server.requests.count == count)
                    // A new revision asks anew.
                    #expect(try await fetcher.fetch(spec).digest == other)
                }
            }
        }
    }

    @Test func `an index leads to the manifest for this machine`() async throws {
        try await Fixture.run { fixture in
            var content = RegistryContent()
            let own = try content.image([payload(1000)])
            let foreign = try content.image([payload(1000, seed: 9)])
            func entry(_ digest: ERACore.Digest, _ architecture: String) -> String {
                let size = content.manifests["\(digest)"]?.bytes.count ?? 0
                return #"{"mediaType":"\#(MediaType.imageManifest)","size":\#(size),"digest":"\#(digest)","#
                    + #""platform":{"os":"linux","architecture":"\#(architecture)"}}"#
            }
            let entries = entry(foreign, "s390x") + "," + entry(own, Platform.host.architecture)
            let index = try content.manifest(
                #"{"schemaVersion":2,"manifests":[\#(entries)]}"#,
                .imageIndex,
                tag: "latest"
            )
            try content.manifest(
                #"{"schemaVersion":2,"manifests":[\#(entry(foreign, "s390x"))]}"#,
                .imageIndex,
                tag: "other"
            )
            let registry = content
            try await RawServer.run { _, request, connection in
                registry.answer(request, connection)
            } _: { server in
                try await fixture.fetching(fixture.options(insecure: server)) { fetcher in
                    let stored = try await fetcher.fetch(ArtifactSpec("oci://\(server.host)/team/app", nil))
                    #expect(stored.digest == own)
                    #expect(stored.resolved == "\(server.host)/team/app:latest@\(index)")
                    let missing = try await fetcher.failure(
                        ArtifactSpec("oci://\(server.host)/team/app:other", nil)
                    )
                    #expect(missing?.code == .unsupported)
                    #expect(missing?.persistence == .permanent)
                    #expect(missing?.message.contains("linux/s390x") == true)
                }
            }
        }
    }

    @Test func `an artifact of one blob is the file, and one of several is its manifest`() async throws {
        try await Fixture.run { fixture in
            var content = RegistryContent()
            let wasm = payload(5000)
            let empty = try content.blob(Array("{}".utf8), MediaType.emptyJSON.rawValue)
            let single = try content.blob(wasm, "application/wasm", title: "bin/hello.wasm")
            let text = try content.blob(payload(10, seed: 3), "text/plain", title: "notes.txt")
            try content.manifest(
                #"{"schemaVersion":2,"config":\#(empty),"layers":[\#(single)]}"#,
                .imageManifest,
                tag: "one"
            )
            let several = try content.manifest(
                #"{"schemaVersion":2,"config":\#(empty),"layers":[\#(single),\#(text)]}"#,
                .imageManifest,
                tag: "two"
            )
            let registry = content
            try await RawServer.run { _, request, connection in
                registry.answer(request, connection)
            } _: { server in
                try await fixture.fetching(fixture.options(insecure: server)) { fetcher in
                    let file = try await fetcher.fetch(ArtifactSpec("oci://\(server.host)/team/app:one", nil))
                    #expect(file.content == .file)
                    #expect(file.name == "hello.wasm")
                    #expect(try read(file.path) == wasm)
                    let files = try await fetcher.fetch(
                        ArtifactSpec("oci://\(server.host)/team/app:two", nil)
                    )
                    #expect(files.content == .files)
                    #expect(files.digest == several)
                }
            }
        }
    }

    @Test func `a layer that changed on disk is fetched again`() async throws {
        try await Fixture.run { fixture in
            var content = RegistryContent()
            let layer = payload(1000)
            try content.image([layer, payload(1000, seed: 2)], tag: "1")
            let registry = content
            try await RawServer.run { _, request, connection in
                registry.answer(request, connection)
            } _: { server in
                let spec = try ArtifactSpec("oci://\(server.host)/team/app:1", nil)
                try await fixture.fetching(fixture.options(insecure: server)) { fetcher in
                    let stored = try await fetcher.fetch(spec)
                    let path = fixture.directory + "/artifacts/blobs/sha256/" + (try sha256(layer)).hex
                    chmod(path, 0o644)
                    try write(payload(1000, seed: 3), to: path)
                    let count = server.requests.count
                    #expect(try await fetcher.fetch(spec, in: .default, known: stored) { _ in } == stored)
                    #expect(try read(path) == layer)
                    #expect(server.requests.count == count + 1)
                }
            }
        }
    }

    /// The registry's row of hostile inputs: what it answers for the manifest, and what is made of it.
    struct Fault: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let code: Failure.Code
        let persistence: Failure.Persistence
        let answer: @Sendable (RawConnection) -> Void

        init(
            _ name: String,
            _ code: Failure.Code,
            _ persistence: Failure.Persistence,
            _ answer: @escaping @Sendable (RawConnection) -> Void
        ) {
            (testDescription, self.code, self.persistence, self.answer) = (name, code, persistence, answer)
        }
    }

    private static func sent(_ text: String, type: String = "application/vnd.oci.image.manifest.v1+json")
        -> @Sendable (RawConnection) -> Void
    {
        { $0.answer("200 OK", ["Content-Type: \(type)"], Array(text.utf8)) }
    }

    static let faults = [
        Fault("401 without a challenge", .fetchRefused, .permanent) { $0.answer("401 Unauthorized") },
        Fault("403", .fetchRefused, .permanent) { $0.answer("403 Forbidden") },
        Fault("404", .fetchFailed, .permanent) { $0.answer("404 Not Found") },
        Fault("429", .fetchFailed, .transient) { $0.answer("429 Too Many", ["Retry-After: 7"]) },
        Fault("503", .fetchFailed, .transient) { $0.answer("503 Unavailable") },
        Fault("a login page", .fetchFailed, .transient, sent("<!DOCTYPE html><p>Hi", type: "text/html")),
        Fault("a login page that says json", .fetchFailed, .transient, sent(" <html>")),
        Fault("an empty answer", .fetchRefused, .permanent, sent("")),
        Fault("an endless manifest", .artifactTooLarge, .permanent) { connection in
            connection.send(connection.head("200 OK", ["Content-Type: application/json"]))
            while connection.send([UInt8](repeating: 0x20, count: 65_536)) {}
        },
        Fault("a manifest that breaks off", .fetchFailed, .transient) { connection in
            connection.send(connection.head("200 OK", ["Content-Length: 1000"]) + "{")
        },
        Fault(
            "manifests and layers",
            .fetchRefused,
            .permanent,
            sent(#"{"schemaVersion":2,"manifests":[],"layers":[]}"#)
        ),
        Fault(
            "another Content-Type than mediaType",
            .fetchRefused,
            .permanent,
            sent(#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#)
        ),
        Fault("another digest announced", .fetchFailed, .transient) { connection in
            let other = "Docker-Content-Digest: sha256:" + String(repeating: "0", count: 64)
            connection.answer("200 OK", [other], Array(#"{"schemaVersion":2,"manifests":[]}"#.utf8))
        },
        Fault("a circle of redirects", .fetchRefused, .permanent) { connection in
            connection.answer("307 Temporary Redirect", ["Location: /v2/team/app/manifests/1"])
        },
        Fault("a redirect to where clouds keep credentials", .fetchRefused, .permanent) { connection in
            connection.answer("307 Temporary Redirect", ["Location: https://169.254.169.254/x"])
        },
        Fault("a token realm at the link", .fetchRefused, .permanent) { connection in
            connection.answer(
                "401 Unauthorized",
                [#"WWW-Authenticate: Bearer realm="https://169.254.169.254/token",service="x""#]
            )
        },
        Fault("a token realm in plain http elsewhere", .fetchRefused, .permanent) { connection in
            connection.answer(
                "401 Unauthorized",
                [#"WWW-Authenticate: Bearer realm="http://auth.example/token""#]
            )
        },
    ]

    @Test(arguments: faults)
    func `what a registry does wrong is told apart`(_ fault: Fault) async throws {
        try await Fixture.run { fixture in
            try await RawServer.run { _, _, connection in
                fault.answer(connection)
            } _: { server in
                try await fixture.fetching(fixture.options(insecure: server)) { fetcher in
                    let spec = try ArtifactSpec("oci://\(server.host)/team/app:1", nil)
                    let failure = try #require(try await fetcher.failure(spec))
                    #expect(failure.code == fault.code, "\(failure)")
                    #expect(failure.persistence == fault.persistence, "\(failure)")
                    if fault.testDescription == "429" { #expect(failure.retryAfter == .seconds(7)) }
                }
            }
            #expect(fixture.leftovers.isEmpty)
        }
    }

    @Test func `contents that are not what the manifest says are refused`() async throws {
        try await Fixture.run { fixture in
            var content = RegistryContent()
            let digest = try content.image([payload(1000)], tag: "1")
            try content.image([payload(1000)], tag: "ids", diffIDs: 2)
            let layer = "\(try sha256(payload(1000)))"
            var changed = content
            changed.blobs[layer] = payload(1000, seed: 2)
            let registry = Shared(changed)
            try await RawServer.run { _, request, connection in
                registry.value.answer(request, connection)
            } _: { server in
                try await fixture.fetching(fixture.options(insecure: server)) { fetcher in
                    let spec = try ArtifactSpec("oci://\(server.host)/team/app:1", nil)
                    #expect(try await fetcher.failure(spec)?.code == .digestMismatch)
                    registry.change { $0.blobs[layer] = payload(999) }
                    #expect(try await fetcher.failure(spec)?.code == .fetchFailed)
                    registry.change { $0.blobs[layer] = payload(1000) }
                    #expect(try await fetcher.fetch(spec).digest == digest)
                    let ids = try ArtifactSpec("oci://\(server.host)/team/app:ids", nil)
                    #expect(try await fetcher.failure(ids)?.code == .fetchRefused)
                    let declared = try ArtifactSpec("oci://\(server.host)/team/app:1", try sha256([1]))
                    #expect(try await fetcher.failure(declared)?.persistence == .permanent)
                }
            }
        }
    }

    @Test func `plain http is spoken only where that is allowed for the host`() async throws {
        try await Fixture.run { fixture in
            try await RawServer.run { _, _, connection in
                connection.answer("404 Not Found")
            } _: { server in
                var options = fixture.options
                options.allowsHTTP = true
                try await fixture.fetching(options) { fetcher in
                    let spec = try ArtifactSpec("oci://\(server.host)/team/app:1", nil)
                    #expect(try await fetcher.failure(spec)?.persistence == .transient)
                }
                #expect(server.requests.allSatisfy { !$0.hasPrefix("GET") })
            }
        }
    }

    @Test func `an aborted layer goes on where it stopped`() async throws {
        try await Fixture.run { fixture in
            var content = RegistryContent()
            let layer = payload(2 << 20)
            try content.image([layer], tag: "1")
            let registry = content
            let blob = "\(try sha256(layer))"
            let ranges = Shared<[String]>([])
            try await RawServer.run { _, request, connection in
                guard path(request).hasSuffix(blob) else { return registry.answer(request, connection) }
                guard let range = header("Range", in: request) else {
                    connection.send(
                        connection.head("200 OK", ["ETag: \"a\"", "Content-Length: \(layer.count)"])
                    )
                    connection.send(layer[..<(1 << 20)])
                    return
                }
                ranges.change { $0.append(range) }
                let first = Int(range.dropFirst("bytes=".count).dropLast()) ?? 0
                // A wrong range the first time.
                let said = ranges.value.count == 1 ? first - 1 : first
                connection.answer(
                    "206 Partial Content",
                    ["ETag: \"a\"", "Content-Range: bytes \(said)-\(layer.count - 1)/\(layer.count)"],
                    Array(layer[said...])
                )
            } _: { server in
                try await fixture.fetching(fixture.options(insecure: server)) { fetcher in
                    let spec = try ArtifactSpec("oci://\(server.host)/team/app:1", nil)
                    // Breaks off; then a wrong range, so anew, which breaks off too; then goes on.
                    #expect(try await fetcher.failure(spec)?.persistence == .transient)
                    #expect(try await fetcher.failure(spec)?.persistence == .transient)
                    _ = try await fetcher.fetch(spec)
                }
                #expect(ranges.value.count == 2)
                #expect(ranges.value.allSatisfy { $0 != "bytes=0-" })
            }
        }
    }

    @Test func `a pinned manifest keeps its layers, and all is kept while it cannot be read`() async throws {
        try await Fixture.run { fixture in
            var content = RegistryContent()
            let layers = [payload(1000), payload(1000, seed: 2)]
            let digest = try content.image(layers, tag: "1")
            try content.image([payload(1000, seed: 3)], tag: "2")
            let registry = content
            try await RawServer.run { _, request, connection in
                registry.answer(request, connection)
            } _: { server in
                try await fixture.fetching(fixture.options(insecure: server)) { fetcher in
                    let stored = try await fetcher.fetch(ArtifactSpec("oci://\(server.host)/team/app:1", nil))
                    _ = try await fetcher.fetch(ArtifactSpec("oci://\(server.host)/team/app:2", nil))
                    let blobs = fixture.directory + "/artifacts/blobs/sha256"
                    #expect(tree(blobs).count == 7)
                    fixture.time.advance(by: .seconds(7200))
                    // Nobody knows what a damaged one needs.
                    let bytes = try read(stored.path)
                    chmod(stored.path, 0o644)
                    try write(Array(bytes.dropLast()), to: stored.path)
                    try await fetcher.pin([digest])
                    try await fetcher.collect(all: false)
                    #expect(tree(blobs).count == 7)
                    try write(bytes, to: stored.path)
                    try await fetcher.collect(all: false)
                    #expect(tree(blobs).count == 4)
                    for layer in layers { #expect(try tree(blobs).contains(sha256(layer).hex)) }
                    fixture.time.advance(by: .seconds(7200))
                    try await fetcher.pin([])
                    try await fetcher.collect(all: false)
                    #expect(tree(blobs).isEmpty)
                }
            }
        }
    }

    @Test func `a mirror is asked first, by digest only, and the registry where it fails`() async throws {
        try await Fixture.run { fixture in
            var content = RegistryContent()
            let digest = try content.image([payload(1000), payload(1000, seed: 2)], tag: "1")
            let whole = content
            content.blobs["\(try sha256(payload(1000, seed: 2)))"] = nil
            try content.image([payload(5)], tag: "1")
            let partial = content
            try await RawServer.run { _, request, connection in
                whole.answer(request, connection)
            } _: { server in
                try await RawServer.run { _, request, connection in
                    partial.answer(request, connection)
                } _: { mirror in
                    var options = fixture.options(insecure: server, mirror)
                    options.mirrors = [server.host: [mirror.host]]
                    let login = Credentials.basic(username: "a", password: "b")
                    try await fixture.fetching(options, credentials: { _, _ in login }) { fetcher in
                        let spec = try ArtifactSpec(
                            "oci://\(server.host)/team/app:1",
                            nil,
                            pullSecret: PartName("login")
                        )
                        #expect(try await fetcher.fetch(spec).digest == digest)
                    }
                    #expect(mirror.requests.allSatisfy { path($0).contains("/blobs/") })
                    #expect(mirror.requests.count == 3)
                    // The manifest, and the layer that the mirror lacks.
                    #expect(server.requests.count == 2)
                    #expect(mirror.requests.allSatisfy { header("Authorization", in: $0) == nil })
                }
            }
        }
    }
}
