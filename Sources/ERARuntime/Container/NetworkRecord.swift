internal import ERACore
internal import ERAManifest

/// What the CNI plugins were told for a container, so that it can be taken back: written before it is made.
struct NetworkRecord: Hashable, Sendable {
    static let sizeLimit = 1 << 20

    /// In another boot nothing of it is left.
    let bootID: String
    /// In the order of the ADDs.
    let plugins: [Plugin]
    /// What came of them; nil until all have answered.
    var result: JSONValue?

    struct Plugin: Hashable, Sendable {
        let type: String
        let config: JSONValue
    }

    init(bootID: String, _ network: CNINetwork) {
        self.bootID = bootID
        plugins = network.plugins.map { Plugin(type: $0.type, config: .object($0.config)) }
    }

    var json: JSONValue {
        [
            "boot": .string(bootID), "result": result ?? .null,
            "plugins": .array(plugins.map { ["type": .string($0.type), "config": $0.config] }),
        ]
    }

    /// Reads a record; nil for anything else.
    init?(_ bytes: [UInt8]) {
        // What is not JSON is no record.
        guard let value = try? JSONValue(jsonText: bytes, nodeLimit: CNINetwork.nodeLimit),
            let bootID = value["boot"]?.string, let list = value["plugins"]?.array
        else { return nil }
        let plugins = list.compactMap { entry -> Plugin? in
            guard let type = entry["type"]?.string, CNIShelf.names.contains(type),
                let config = entry["config"]
            else { return nil }
            return Plugin(type: type, config: config)
        }
        guard plugins.count == list.count else { return nil }
        self.bootID = bootID
        self.plugins = plugins
        if let result = value["result"], result != .null { self.result = result }
    }
}
