internal import ERAContracts
internal import ERACore

/// A program of the host that runs modules: what it can do, and how it is told to.
///
/// All of this is values; who runs them is ``WasmPlugin``.
struct WasmEngine: Hashable, Sendable {
    /// The engines that ERA knows, the preferred first.
    enum Kind: String, Hashable, Sendable, CaseIterable {
        case wasmtime, wasmkit
    }

    var kind: Kind
    var path: String
    var version: SemanticVersion
    /// Tells this file from another in its place.
    var identity: String

    // MARK: What it can do

    /// Wasmtime before this had other options. Source: its release notes, 14.0.0.
    static let oldestWasmtime = 14

    /// Whether a directory may have another name for the module than on the host.
    var canRename: Bool { kind == .wasmtime }
    /// Whether variables get to the module without being seen in the list of processes.
    var hidesVariables: Bool { kind == .wasmtime }
    /// Whether it can compile a module beforehand.
    var canPrecompile: Bool { kind == .wasmtime }
    /// Whether it limits a module's memory by itself.
    var limitsMemory: Bool { kind == .wasmtime }

    /// Functions of WASI whose lack a program does not survive.
    ///
    /// WasmKit before 0.3 answers ENOSYS to every wait: who waits for something does so as fast as it can.
    /// Source: WasmKit, `Sources/WASI/WASI.swift`, `unimplementedFunctionTypes`, of 0.1.6, 0.2.2 and 0.3.0.
    var missing: Set<String> {
        kind == .wasmkit && (version.major, version.minor) < (0, 3) ? ["poll_oneoff"] : []
    }

    /// For messages: `wasmkit 0.1.6`.
    var shown: String { "\(kind.rawValue) \(version)" }

    /// For `era plugins describe` and `era doctor`: the engine, where it is, and what it lacks.
    var summary: String {
        var lacks: [String] = []
        if !missing.isEmpty {
            lacks.append("modules that wait or sleep (\(missing.sorted().joined(separator: ", ")))")
        }
        if !hidesVariables { lacks.append("secrets in env") }
        if !canRename { lacks.append("absolute mount paths") }
        let text = lacks.isEmpty ? "" : "; it lacks: \(lacks.joined(separator: ", "))"
        return "\(shown), \(path)\(text)"
    }

    // MARK: What it refuses

    /// Why this engine cannot run a spec: what it lacks is refused, not left out.
    func problems(_ spec: DeploymentSpec) -> [SpecProblem] {
        var problems: [SpecProblem] = []
        if kind == .wasmtime, version.major < Self.oldestWasmtime {
            problems.append(
                SpecProblem(
                    field: "spec.runtime.plugin",
                    message: "\(shown) at \(path) is too old; install \(Self.oldestWasmtime).0 or newer"
                )
            )
        }
        for (index, variable) in spec.env.enumerated() where !hidesVariables {
            guard let message = refusal(variable) else { continue }
            problems.append(SpecProblem(field: "spec.env[\(index)]", message: message))
        }
        for (index, volume) in spec.volumes.enumerated() {
            guard let message = refusal(volume) else { continue }
            problems.append(SpecProblem(field: "spec.volumes[\(index)].mountPath", message: message))
        }
        return problems
    }

    private func refusal(_ variable: EnvironmentVariable) -> String? {
        switch variable.source {
        case .secret:
            return
                "\(kind.rawValue) takes variables on its command line, which every user of the host can read; "
                + "give the secret as a volume, or install wasmtime"
        case .value(let value):
            guard value.isEmpty || value.contains("=") else { return nil }
            return "\(kind.rawValue) loses a value that is empty or has a \"=\" in it; "
                + "give it in another form, or install wasmtime"
        }
    }

    private func refusal(_ volume: VolumeSpec) -> String? {
        if volume.mountPath.contains("::") {
            return "has \"::\" in it, which \(kind.rawValue) takes for itself"
        }
        guard volume.mountPath.hasPrefix("/"), !canRename else { return nil }
        return "\(kind.rawValue) gives a directory no other name; "
            + "use a relative path, or install wasmtime"
    }

    // MARK: How it is told

    /// A module that is to run.
    struct Run: Sendable {
        /// Relative to the working directory.
        var module: String
        /// A file that this engine compiled of it; nil for none.
        var precompiled: String?
        var arguments: [String]
        /// All that the module is to have; their values are in the environment of the engine as well.
        var variables: [(name: String, value: SecretText)]
        /// Relative to the working directory on the host, and as the module knows them.
        var directories: [(host: String, guest: String)]
        var memoryLimit: ByteCount?
    }

    /// The arguments, the engine's name first. Nothing is granted that is not named here.
    func arguments(_ run: Run) -> [String] {
        switch kind {
        case .wasmtime:
            var arguments = ["wasmtime", "run"]
            if let limit = run.memoryLimit { arguments += ["-W", "max-memory-size=\(limit.bytes)"] }
            if run.precompiled != nil { arguments.append("--allow-precompiled") }
            // The name alone: its value is taken from the environment.
            for variable in run.variables { arguments += ["--env", variable.name] }
            for directory in run.directories {
                arguments += ["--dir", "\(directory.host)::\(directory.guest)"]
            }
            return arguments + ["./\(run.precompiled ?? run.module)"] + run.arguments
        case .wasmkit:
            var arguments = ["wasmkit", "run"]
            for (name, value) in run.variables { arguments += ["--env", "\(name)=\(value.revealed)"] }
            for directory in run.directories { arguments += ["--dir", directory.host] }
            return arguments + ["./\(run.module)"] + run.arguments
        }
    }

    /// The arguments that compile a module into `output`.
    func compileArguments(_ module: String, into output: String) -> [String] {
        ["compile", "-o", output, "./\(module)"]
    }

    /// The version in what `--version` prints: `wasmtime 25.0.0 (…)`, `0.1.6`; nil where there is none.
    static func version(_ output: String) -> SemanticVersion? {
        // Words that are no version are what is skipped.
        output.split { $0.isWhitespace }.lazy.compactMap { try? SemanticVersion(String($0)) }.first
    }
}
