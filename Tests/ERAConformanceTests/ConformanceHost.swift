import ERAConformance
import ERAContracts
import ERACore
import ERARuntime
import Foundation
import Logging
import Testing

/// A directory for one run of the suite, and subjects in it.
struct ConformanceHost: Sendable {
    let root: String
    var data: String { root + "/data" }
    var plugins: String { root + "/plugins" }

    static let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    static func with(_ body: (ConformanceHost) async throws -> Void) async throws {
        let root = "/tmp/era-conformance-\(UUID().uuidString)"
        let host = ConformanceHost(root: root)
        for directory in [host.data, host.plugins, root + "/run"] {
            try FileManager.default.createDirectory(
                atPath: directory,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o755]
            )
        }
        do {
            try await body(host)
        } catch {
            try FileManager.default.removeItem(atPath: root)
            throw error
        }
        try FileManager.default.removeItem(atPath: root)
    }

    /// The plugin directory is owned by whoever runs the tests, and so are these.
    func write(_ script: String, as name: String) throws -> String {
        let path = "\(plugins)/era-plugin-\(name)"
        try script.write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        return path
    }

    /// A plugin that lies in samples/plugins, copied to where nobody else can write.
    func sample(_ name: String, _ change: (String) -> String = { $0 }) throws -> String {
        let path = Self.repository + "/samples/plugins/era-plugin-\(name)"
        return try write(change(String(contentsOfFile: path, encoding: .utf8)), as: name)
    }

    func subject(
        _ path: String,
        spec: DeploymentSpec? = nil,
        artifact: StoredArtifact? = nil,
        timeouts: PluginTimeouts = PluginTimeouts()
    ) -> ConformanceSuite.Subject {
        let options = ExternalPlugin.Options(
            dataDirectory: data,
            searchPath: ["/usr/local/bin", "/usr/bin", "/bin"],
            unpacker: FileUnpacker(),
            timeouts: timeouts,
            logger: Self.logger
        )
        return ConformanceSuite.Subject(name: path, dataDirectory: data, spec: spec, artifact: artifact) {
            try await ExternalPlugin(path: path, options)
        }
    }

    /// For the plugins whose workloads run below shims.
    ///
    /// - Parameter searchPath: Where they look for programs.
    func shims(searchPath: [String]) throws -> ShimHost.Options {
        let bootID = try String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
        return ShimHost.Options(
            dataDirectory: data,
            runDirectory: root + "/run",
            shimPath: try #require(Self.shimPath, "build era-shim as well"),
            searchPath: searchPath,
            bootID: bootID.filter { $0 != "\n" },
            unpacker: FileUnpacker(),
            logger: Self.logger
        )
    }

    /// The shim is built beside the test bundle.
    private static var shimPath: String? {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        // The runner is the toolchain's own in some versions; then the first argument names the bundle.
        return ([own] + CommandLine.arguments).lazy.map { candidate in
            URL(filePath: candidate).deletingLastPathComponent().appending(path: "era-shim").path
        }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}

/// Puts the file itself into the directory.
struct FileUnpacker: ArtifactUnpacker {
    func unpack(
        _ path: String,
        name: String,
        format: ArtifactSpec.Format,
        into directory: String,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws {
        if FileManager.default.fileExists(atPath: directory) { return }
        let beside = directory + ".new"
        if FileManager.default.fileExists(atPath: beside) {
            try FileManager.default.removeItem(atPath: beside)
        }
        try FileManager.default.createDirectory(atPath: beside, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: path, toPath: "\(beside)/\(name)")
        try FileManager.default.moveItem(atPath: beside, toPath: directory)
    }
}
