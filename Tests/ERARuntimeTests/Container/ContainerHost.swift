import CLinux
import ERAContracts
import ERACore
import Glibc
import Logging
import Testing

@testable import ERARuntime

/// Container plugins over the real era-shim and the real runc, with an image of one static program: busybox.
struct ContainerHost: Sendable {
    let host: ProcessHost
    /// Whether its containers are in user namespaces, as those of a daemon that is not root; here with
    /// root, who is their only user.
    var inNamespace = false

    static let busybox = "/bin/busybox"
    /// Whether containers can run here.
    static let isPossible: Bool = {
        let engines = ["/usr/sbin/runc", "/usr/bin/runc"]
        return geteuid() == 0 && access(busybox, X_OK) == 0 && engines.contains { access($0, X_OK) == 0 }
    }()

    static func with(
        inNamespace: Bool = false,
        _ body: (ContainerHost) async throws -> Void
    ) async throws {
        try await ProcessHost.with { host in
            let containers = ContainerHost(host: host, inNamespace: inNamespace)
            makeDirectories(host.dataDirectory + "/artifacts/blobs/sha256")
            do {
                try await body(containers)
            } catch {
                await containers.end()
                throw error
            }
            await containers.end()
        }
    }

    private func end() async {
        let plugin = plugin()
        // What cannot be ended shows as a process that a test finds, or as a directory that stays.
        for id in (try? await plugin.instances()) ?? [] {
            try? await plugin.stop(id, StopSpec(signal: .kill, grace: .zero))
            try? await plugin.delete(id)
        }
    }

    /// A plugin that knows nothing yet, as after a restart of the daemon.
    func plugin(
        _ unpacker: any LayerUnpacker = TreeUnpacker(),
        bootID: String? = nil,
        searchPath: [String] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]
    ) -> ContainerPlugin {
        var options = host.shimHost(bootID: bootID).options
        options.searchPath = searchPath
        let namespaces = UserNamespaces(
            shimPath: options.shimPath,
            searchPath: searchPath,
            areForced: true
        )
        return ContainerPlugin(
            ShimHost(options),
            unpacker: unpacker,
            namespaces: inNamespace ? namespaces : nil
        )
    }

    /// An instance that runs a script in a container, prepared as the workspace does it.
    func instance(
        _ script: String,
        name: String = "app",
        revision: Int = 1,
        image: String = "",
        config: JSONValue = .object([:]),
        change: (inout DeploymentSpec) -> Void = { _ in }
    ) throws -> PreparedInstance {
        var instance = try host.instance(script, name: name, revision: revision) { spec in
            spec.runtime = RuntimeSpec(plugin: .container, config: config)
            change(&spec)
        }
        instance.artifact = try artifact(image)
        return instance
    }

    /// An image whose only layer is what ``TreeUnpacker`` makes.
    func artifact(_ config: String, architecture: String? = nil) throws -> StoredArtifact {
        let blobs = host.dataDirectory + "/artifacts/blobs/sha256"
        func digest(_ digit: Character) -> String { "sha256:" + String(repeating: digit, count: 64) }
        #if arch(arm64)
            let own = "arm64"
        #else
            let own = "amd64"
        #endif
        let image =
            #"{"os":"linux","architecture":"\#(architecture ?? own)","config":{\#(config)},"#
            + #""rootfs":{"type":"layers","diff_ids":["\#(digest("d"))"]}}"#
        let types = "application/vnd.oci.image"
        let manifest =
            #"{"schemaVersion":2,"mediaType":"\#(types).manifest.v1+json","#
            + #""config":{"mediaType":"\#(types).config.v1+json","digest":"\#(digest("c"))","size":1},"#
            + #""layers":[{"mediaType":"\#(types).layer.v1.tar","digest":"\#(digest("1"))","size":1}]}"#
        write(image, to: "\(blobs)/\(digest("c").dropFirst(7))")
        write(manifest, to: "\(blobs)/\(digest("a").dropFirst(7))")
        return StoredArtifact(
            digest: try Digest(digest("a")),
            size: ByteCount(1),
            path: "\(blobs)/\(digest("a").dropFirst(7))",
            name: "app",
            content: .image
        )
    }

    func run(_ instance: PreparedInstance, _ plugin: ContainerPlugin) async throws {
        let handle = try await plugin.install(instance)
        try await plugin.start(instance, handle: handle)
    }

    /// What a script says, once it has ended.
    func says(_ instance: PreparedInstance) async throws -> String {
        let plugin = plugin()
        try await run(instance, plugin)
        try await eventually("the container ended") { try await plugin.status(instance.id).exit != nil }
        var bytes: [UInt8] = []
        for try await chunk in plugin.logs(instance.id, LogRequest()) { bytes += chunk }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Whether this host puts directories over each other.
    var hasOverlay: Bool { get throws { try plugin().roots.hasOverlay() } }
}

/// Makes a root file system of busybox: a working model of what layers come to.
struct TreeUnpacker: LayerUnpacker {
    func chainID(of layers: [ImageLayer]) throws -> Digest { try #require(layers.first).diffID }

    func unpack(
        _ layers: [ImageLayer],
        into directory: String,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws {
        guard access(directory, F_OK) != 0 else { return }
        for part in ["bin", "etc", "tmp", "data"] { makeDirectories("\(directory)/\(part)") }
        for part in ["", "/bin", "/etc", "/data"] { chmod(directory + part, 0o755) }
        chmod("\(directory)/tmp", 0o1777)
        write(readSmallFile(ContainerHost.busybox, limit: 16 << 20) ?? [], to: "\(directory)/bin/busybox")
        chmod("\(directory)/bin/busybox", 0o755)
        symlink("busybox", "\(directory)/bin/sh")
        write("root:x:0:0::/root:/bin/sh\nweb:x:101:102::/data:/bin/sh\n", to: "\(directory)/etc/passwd")
        write("root:x:0:\nweb:x:102:\nlog:x:4:web\n", to: "\(directory)/etc/group")
    }
}

/// A port that was free a moment ago.
struct Listener {
    let port: Int

    init() throws {
        let descriptor = era_spawn_listen("127.0.0.1", 0, 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isKnown = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                getsockname(descriptor, $0, &size) == 0
            }
        }
        try #require(isKnown)
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    /// Whether somebody listens there.
    func isAnswered() -> Bool { era_probe_connect("127.0.0.1", UInt16(port)) == 0 }
}
