internal import ERACore

/// What an installation keeps: the engine that it was made for, and the module.
struct WasmHandle: Hashable, Sendable {
    /// The version of the payload.
    static let version = 1

    var engine: WasmEngine
    /// Relative to the unpacked files.
    var module: String
    /// What the engine compiled of it, relative as well; nil where it does not compile beforehand.
    var precompiled: String?

    /// As the store keeps it.
    var handle: InstanceHandle {
        var payload: [String: JSONValue] = [
            "engine": .string(engine.kind.rawValue), "path": .string(engine.path),
            "version": .string(engine.version.description), "identity": .string(engine.identity),
            "module": .string(module),
        ]
        if let precompiled { payload["precompiled"] = .string(precompiled) }
        return InstanceHandle(version: Self.version, payload: .object(payload))
    }

    init(engine: WasmEngine, module: String, precompiled: String? = nil) {
        self.engine = engine
        self.module = module
        self.precompiled = precompiled
    }

    /// - Throws: ``Failure`` `Unsupported` for one of a newer version, or that makes no sense.
    init(_ handle: InstanceHandle, of id: InstanceID) throws {
        let payload = handle.payload
        guard handle.version <= Self.version,
            let kind = payload["engine"]?.string.flatMap(WasmEngine.Kind.init(rawValue:)),
            let path = payload["path"]?.string,
            // What is no version makes the whole no handle.
            let version = payload["version"]?.string.flatMap({ try? SemanticVersion($0) }),
            let identity = payload["identity"]?.string, let module = payload["module"]?.string
        else {
            throw Failure.permanent(
                .unsupported,
                "\(id) was installed by another version of ERA (handle version \(handle.version)); use that, "
                    + "or change spec.version to install it anew"
            )
        }
        engine = WasmEngine(kind: kind, path: path, version: version, identity: identity)
        self.module = module
        precompiled = payload["precompiled"]?.string
    }
}
