import ERAContracts
import ERACore
import Glibc
import Testing

@testable import ERARuntime

/// Modules made here, byte by byte.
enum Wasm {
    static let header: [UInt8] = [0x00, 0x61, 0x73, 0x6D, 1, 0, 0, 0]

    /// A section with its length; for lengths of one byte.
    static func section(_ id: UInt8, _ content: [UInt8]) -> [UInt8] { [id, UInt8(content.count)] + content }

    static func name(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + Array(text.utf8) }

    /// A function that is imported.
    static func imported(_ module: String, _ function: String) -> [UInt8] {
        name(module) + name(function) + [0, 0]
    }

    /// A module with these imports, this memory, and these exports: of kind 0 a function, of 2 the memory.
    static func module(
        imports: [[UInt8]] = [],
        memory: [UInt8] = [0, 1],
        exports: [(String, UInt8)] = [("_start", 0), ("memory", 2)]
    ) -> [UInt8] {
        header + section(1, [1, 0x60, 0, 0])
            + (imports.isEmpty ? [] : section(2, [UInt8(imports.count)] + imports.flatMap(\.self)))
            + section(5, [1] + memory)
            + section(7, [UInt8(exports.count)] + exports.flatMap { name($0.0) + [$0.1, 0] })
    }

    /// What `parse` says against bytes; nil where it takes them.
    static func problem(_ bytes: [UInt8]) -> WasmModule.Problem? {
        do {
            return try WasmModule(bytes).problem
        } catch let problem as WasmModule.Problem {
            return problem
        } catch {
            return .broken("an error of another type: \(error)")
        }
    }
}

/// What this machine has to try modules with.
enum WasmTools {
    /// Where programs are looked for.
    static let searchPath = (getenv("PATH").map { String(cString: $0) } ?? "").split(separator: ":").map(
        String.init
    )
    static let wasmkit = find("wasmkit")
    static let assembler = find("wat2wasm")
    static let hasBoth = wasmkit != nil && assembler != nil

    private static func find(_ name: String) -> String? {
        searchPath.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    /// Makes a module of its text.
    static func assemble(_ text: String, into path: String) async throws {
        write(text, to: path + ".wat")
        let tool = HostTool(try #require(assembler), searchPath: searchPath)
        let outcome = try await tool.run([path + ".wat", "-o", path], within: .seconds(60))
        try #require(outcome == HostTool.Outcome(status: .code(0), output: ""))
    }
}

extension ProcessHost {
    /// A wasm plugin that finds wasmkit, and nothing else.
    func wasmPlugin(engines: String? = nil) -> WasmPlugin {
        let directory = engines ?? "\(root)/engines"
        makeDirectories(directory)
        if engines == nil, let wasmkit = WasmTools.wasmkit { symlink(wasmkit, "\(directory)/wasmkit") }
        return WasmPlugin(shimHost(searchPath: [directory]))
    }

    /// An instance whose artifact is a module of this text.
    func moduleInstance(
        _ text: String,
        name: String = "app",
        revision: Int = 1,
        change: (inout DeploymentSpec) -> Void = { _ in }
    ) async throws -> PreparedInstance {
        let path = "\(root)/\(name)-\(revision).wasm"
        try await WasmTools.assemble(text, into: path)
        return try moduleInstance(file: path, name: name, revision: revision, change: change)
    }

    /// An instance whose artifact is a file.
    func moduleInstance(
        file path: String,
        name: String = "app",
        revision: Int = 1,
        change: (inout DeploymentSpec) -> Void = { _ in }
    ) throws -> PreparedInstance {
        var instance = try instance("", name: name, revision: revision) { spec in
            spec.runtime.plugin = .wasm
            spec.command = []
            change(&spec)
        }
        instance.artifact = StoredArtifact(
            digest: try Digest("sha256:" + String(repeating: "0", count: 64)),
            size: ByteCount(1),
            path: path,
            name: "module.wasm"
        )
        return instance
    }
}
