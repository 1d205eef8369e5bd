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

    /// Reads the fields; `problems` says what is wrong with the others.
    static func parse(_ value: JSONValue) -> (config: WasmConfig, problems: [WorkloadConfig.Problem]) {
        var config = WasmConfig()
        let problems = configProblems(value, of: .wasm) { name, value in
            name == "engine" ? config.takeEngine(value) : config.workload.take(name, value)
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

    /// The JSON Schema of the fields.
    static let schema = WorkloadConfig.schema(with: [
        "engine": [
            "type": "string",
            "enum": ["auto", "wasmtime", "wasmkit"],
            "default": "auto",
            "description": "The engine: auto for wasmtime where it is in the PATH, else wasmkit.",
        ]
    ])
}
