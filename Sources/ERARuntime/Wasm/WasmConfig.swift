internal import ERACore

extension PluginName {
    /// The plugin for WebAssembly modules.
    static let wasm: PluginName = {
        guard let name = PluginName(rawValue: "wasm") else {
            preconditionFailure("wasm is the name of a plugin")
        }
        return name
    }()
}

/// `spec.runtime.config` of the wasm plugin.
struct WasmConfig: Hashable, Sendable {
    var workload = WorkloadConfig()
    /// Nil for whichever there is.
    var engine: WasmEngine.Kind?
    /// Directories of the artifact that the module may open, relative to it, without `.` and `..`.
    var files: [String] = []
    /// How many those may be.
    static let filesLimit = 16

    /// Reads the fields; `problems` says what is wrong with the others.
    static func parse(_ value: JSONValue) -> (config: WasmConfig, problems: [WorkloadConfig.Problem]) {
        var config = WasmConfig()
        let problems = configProblems(value, of: .wasm) { name, value in
            switch name {
            case "engine": config.takeEngine(value)
            case "files": config.takeFiles(value)
            default: config.workload.take(name, value)
            }
        }
        return (config, problems)
    }

    private mutating func takeEngine(_ value: JSONValue) -> WorkloadConfig.Taken {
        if value.string == "auto" { return .fine }
        guard let kind = value.string.flatMap(WasmEngine.Kind.init(rawValue:)) else {
            return .wrong(("engine", "is none of auto, wasmtime, wasmkit"))
        }
        engine = kind
        return .fine
    }

    private mutating func takeFiles(_ value: JSONValue) -> WorkloadConfig.Taken {
        guard let paths = value.array, paths.count <= Self.filesLimit else {
            return .wrong(
                ("files", "is not a list of at most \(Self.filesLimit) directories of the artifact")
            )
        }
        for (index, path) in paths.enumerated() {
            let contained = path.string.flatMap(containedPath)
            // Beside the module lies what the engine compiled of it: whoever writes that leaves the sandbox.
            guard let contained, !contained.isEmpty, !contained.hasPrefix(".era-"), !contained.contains("::")
            else {
                return .wrong(("files[\(index)]", "is not the path of a directory below the artifact"))
            }
            guard !files.contains(contained) else { return .wrong(("files[\(index)]", "is there twice")) }
            files.append(contained)
        }
        return .fine
    }

    /// The JSON Schema of the fields.
    static let schema = WorkloadConfig.schema(with: [
        "engine": [
            "type": "string",
            "enum": ["auto", "wasmtime", "wasmkit"],
            "default": "auto",
            "description": "The engine: auto for wasmtime where it is in the PATH, else wasmkit.",
        ],
        "files": [
            "type": "array",
            "items": ["type": "string", "minLength": 1],
            "maxItems": .integer(Int64(filesLimit)),
            "uniqueItems": true,
            "description": "Directories of the artifact that the module may open, under the same names.",
        ],
    ])
}
