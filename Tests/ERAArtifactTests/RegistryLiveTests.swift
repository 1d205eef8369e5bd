import ERACore
import ERAContracts
import ERAOCI
import Foundation
import Glibc
import Testing

@testable import ERAArtifact

@Suite(.enabled(if: ["docker-registry", "htpasswd"].allSatisfy { access("/usr/bin/" + $0, X_OK) == 0 }))
struct RegistryLiveTests {
    /// Bytes of the larger layer.
    static let size = 8 << 20

    @Test func `an image behind a password comes from a real registry`() async throws {
        try await Fixture.run { fixture in
            let port = try freePort()
            let host = "127.0.0.1:\(port)"
            let directory = fixture.directory
            // The bcrypt hash of `pass`, as htpasswd -B writes it.
            let made = try Tool(["htpasswd", "-Bbn", "user", "pass"], in: directory)
            try #require(made.waitForExit() == 0)
            try write(Array(made.output.utf8), to: directory + "/htpasswd")
            try write(
                Array(
                    """
                    version: 0.1
                    storage: {filesystem: {rootdirectory: \(directory)/registry}}
                    auth: {htpasswd: {realm: test, path: \(directory)/htpasswd}}
                    http: {addr: "\(host)"}
                    """.utf8
                ),
                to: directory + "/registry.yml"
            )
            let registry = try Tool(["docker-registry", "serve", directory + "/registry.yml"], in: directory)
            defer { registry.stop() }
            let curl = { (arguments: [String]) throws -> CInt in
                try Tool(["curl", "-sSf", "-u", "user:pass"] + arguments, in: directory).waitForExit()
            }
            let isUp = try await eventually { try curl(["http://\(host)/v2/"]) == 0 }
            try #require(isUp)

            var content = RegistryContent()
            let digest = try content.image(
                [[UInt8](repeating: 7, count: Self.size), payload(1000, seed: 2)],
                tag: "1"
            )
            for (index, (digest, bytes)) in content.blobs.enumerated() {
                try write(bytes, to: directory + "/blob\(index)")
                let script = """
                    to=$(curl -sSf -u user:pass -X POST -D - -o /dev/null http://\(host)/v2/team/app/blobs/uploads/ \
                    | tr -d '\\r' | sed -n 's/^[Ll]ocation: //p'); curl -sSf -u user:pass -X PUT \
                    -H 'Content-Type: application/octet-stream' --data-binary @blob\(index) "$to&digest=\(digest)"
                    """
                let status = try Tool(["sh", "-c", script], in: directory).waitForExit()
                try #require(status == 0)
            }
            let manifest = try #require(content.manifests["1"])
            try write(manifest.bytes, to: directory + "/manifest")
            let status = try curl([
                "-X", "PUT", "-H", "Content-Type: \(manifest.type)", "--data-binary", "@manifest",
                "http://\(host)/v2/team/app/manifests/1",
            ])
            try #require(status == 0)

            var options = FetchOptions()
            options.insecureRegistries = [host]
            let login = Credentials.basic(username: "user", password: "pass")
            try await fixture.fetching(options, credentials: { _, _ in login }) { fetcher in
                let spec = try ArtifactSpec("oci://\(host)/team/app:1", nil, pullSecret: PartName("login"))
                let stored = try await fetcher.fetch(spec)
                #expect(stored.digest == digest)
                #expect(stored.content == .image)
                let anonymous = try ArtifactSpec("oci://\(host)/team/app:2", nil)
                #expect(try await fetcher.failure(anonymous)?.code == .fetchRefused)
                let missing = try ArtifactSpec("oci://\(host)/team/app:2", nil, pullSecret: PartName("login"))
                #expect(try await fetcher.failure(missing)?.code == .fetchFailed)
            }
        }
    }

    /// A port of loopback that nobody has at the moment.
    private func freePort() throws -> Int {
        let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 ? getsockname(descriptor, $0, &length) : -1
            }
        }
        try #require(result == 0)
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
