import ERAContracts
import ERACore
import Glibc
import Testing

@testable import ERARuntime

/// What registries have as several files is what a program finds in its directory.
@Suite struct ArtifactFilesTests {
    /// An artifact of these files in a store of the host's.
    private func artifact(_ host: ProcessHost, _ files: [(title: String, text: String)]) throws
        -> StoredArtifact
    {
        let blobs = host.dataDirectory + "/artifacts/blobs/sha256"
        makeDirectories(blobs)
        func digest(_ number: Int) -> String {
            let digits = String(number)
            return "sha256:" + String(repeating: "0", count: 64 - digits.count) + digits
        }
        let layers = files.enumerated().map { index, file in
            write(file.text, to: "\(blobs)/\(digest(index + 2).dropFirst(7))")
            let size = file.text.utf8.count
            return #"{"mediaType":"text/plain","digest":"\#(digest(index + 2))","size":\#(size),"#
                + #""annotations":{"org.opencontainers.image.title":"\#(file.title)"}}"#
        }
        let manifest =
            #"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":"#
            + #"{"mediaType":"application/vnd.oci.empty.v1+json","digest":"\#(digest(1))","size":2},"#
            + #""layers":[\#(layers.joined(separator: ","))]}"#
        let path = "\(blobs)/\(digest(0).dropFirst(7))"
        write(manifest, to: path)
        return StoredArtifact(
            digest: try Digest(digest(0)),
            size: ByteCount(1),
            path: path,
            name: "app",
            content: .files
        )
    }

    @Test func `a program finds the files of its artifact under their titles`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            var instance = try host.instance("") { $0.command = ["bin/hello"] }
            instance.artifact = try artifact(
                host,
                [
                    ("bin/hello", "#!/bin/sh\ncat conf/hello.ini page\n"), ("conf/hello.ini", "one\n"),
                    ("page", "two\n"),
                ]
            )
            try await host.run(instance, plugin)
            #expect(try await plugin.exit(instance.id) == .code(0))
            #expect(try await plugin.output(instance.id) == "one\ntwo\n")
        }
    }

    @Test(arguments: ["../out", "/out", "a/../../out", "bin//x"])
    func `a title that leads out is refused`(_ title: String) async throws {
        try await ProcessHost.with { host in
            var instance = try host.instance("")
            instance.artifact = try artifact(host, [(title, "x"), ("fine", "y")])
            await #expect(throws: Failure.self) { try await host.plugin().install(instance) }
            #expect(access(instance.directory + "/files", F_OK) != 0)
        }
    }

    @Test func `a container image is refused with the plugin that takes it`() async throws {
        try await ProcessHost.with { host in
            var instance = try host.instance("")
            instance.artifact = try artifact(host, [("a", "x"), ("b", "y")])
            instance.artifact?.content = .image
            do {
                _ = try await host.plugin().install(instance)
                Issue.record("it was installed")
            } catch let failure as Failure {
                #expect(failure.code == .unsupported && failure.message.contains("plugin container"))
            }
        }
    }
}
