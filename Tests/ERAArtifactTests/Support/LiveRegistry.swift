import ERAOCI
import Foundation
import Glibc
import Testing

/// A real docker-registry on loopback, with its files in a directory.
struct LiveRegistry {
    /// Whether one can run here, and the tools that fill it.
    static let isInstalled = ["docker-registry", "curl"].allSatisfy { access("/usr/bin/" + $0, X_OK) == 0 }
    /// What to do where not.
    static let hint: Comment = "docker-registry is not installed here (apt-get install docker-registry curl)"

    let host: String
    private let directory: String
    private let process: Tool

    /// Starts one and waits until it answers.
    ///
    /// - Parameters:
    ///   - host: Nil for a port of its own.
    ///   - auth: Its section of that name.
    init(in directory: String, host: String? = nil, auth: String? = nil) async throws {
        let host = try host ?? "127.0.0.1:\(freePort())"
        (self.host, self.directory) = (host, directory)
        let configuration = directory + "/registry.yml"
        try write(
            Array(
                """
                version: 0.1
                storage: {filesystem: {rootdirectory: \(directory)/registry}}
                \(auth.map { "auth: \($0)" } ?? "")
                http: {addr: "\(host)"}
                """.utf8
            ),
            to: configuration
        )
        process = try Tool(["docker-registry", "serve", configuration], in: directory)
        let isUp = try await eventually {
            // Whatever it answers: it may ask for a login.
            try Tool(["curl", "-sS", "http://\(host)/v2/"], in: directory).waitForExit() == 0
        }
        try #require(isUp)
    }

    /// A line for each request, with the status of the answer behind it.
    var log: String { process.output }

    /// Ends it at once, as a crash does.
    func stop() { process.stop() }

    /// Puts all of this into the repository `team/app`.
    func push(_ content: RegistryContent) throws {
        for (index, (digest, bytes)) in content.blobs.enumerated() {
            try write(bytes, to: directory + "/blob\(index)")
            let script = """
                to=$(curl -sSf -X POST -D - -o /dev/null http://\(host)/v2/team/app/blobs/uploads/ \
                | tr -d '\\r' | sed -n 's/^[Ll]ocation: //p'); curl -sSf -X PUT -o /dev/null \
                -H 'Content-Type: application/octet-stream' -T blob\(index) "$to&digest=\(digest)"
                """
            let status = try Tool(["sh", "-c", script], in: directory).waitForExit()
            try #require(status == 0)
        }
        // What an index refers to comes before it.
        let isIndex = { (type: String) in type == MediaType.imageIndex.rawValue }
        for (name, manifest) in content.manifests.sorted(by: {
            !isIndex($0.value.type) && isIndex($1.value.type)
        }) {
            try write(manifest.bytes, to: directory + "/manifest")
            let words = [
                "curl", "-sSf", "-X", "PUT", "-H", "Content-Type: \(manifest.type)", "--data-binary",
                "@manifest",
                "http://\(host)/v2/team/app/manifests/\(name)",
            ]
            let status = try Tool(words, in: directory).waitForExit()
            try #require(status == 0)
        }
    }
}

/// A port of loopback that nobody has at the moment.
func freePort() throws -> Int {
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
