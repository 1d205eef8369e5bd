import ERACore
import ERAManifest
import Glibc
import Testing

@testable import era

@Suite struct `Manifests that are named on the command line` {
    /// Runs something in a directory of its own, which is removed afterwards.
    private func inDirectory(_ body: (String) throws -> Void) throws {
        let template = try #require(strdup("/tmp/era-manifests-XXXXXX"))
        defer { free(template) }
        let made = try #require(mkdtemp(template))
        let path = String(cString: made)
        defer {
            for name in (try? FileBytes.names(in: path)) ?? [] { unlink("\(path)/\(name)") }
            rmdir(path)
        }
        try body(path)
    }

    private func write(_ text: String, _ path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        try #require(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
    }

    private func manifest(_ name: String, needs: [String] = []) -> String {
        let list = needs.map { "{name: \($0)}" }.joined(separator: ", ")
        return """
            apiVersion: era.dev/v1
            kind: Deployment
            metadata: {name: \(name)}
            spec:
              version: 1.0.0
              runtime: {plugin: process}
              command: [/bin/true]
              dependsOn: [\(list)]
            """
    }

    @Test(.timeLimit(.minutes(1)))
    func `are refused where they are no regular files, and never waited for`() throws {
        try inDirectory { path in
            try #require(mkfifo("\(path)/fifo.yaml", 0o600) == 0)
            try #require(symlink("/dev/zero", "\(path)/device.yaml") == 0)
            try #require(symlink("/", "\(path)/directory.yaml") == 0)
            try write(manifest("web"), "\(path)/web.yaml")
            let files = try ManifestFiles([path])
            #expect(
                files.diagnostics.map(\.summary)
                    == ["device", "directory", "fifo"].map {
                        "\(path)/\($0).yaml: error: it is not a regular file; remove it"
                    }
            )
            #expect(files.entries.map(\.deployment.key.description) == ["default/web"])
            #expect(files.count == 4)
        }
    }
}
