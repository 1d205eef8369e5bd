internal import ERACore
internal import ERAManifest

/// A network as the CNI plugins are told of it: a bridge with addresses, and mapped ports.
///
/// Source: CNI specification 1.0.0 (0.4.0 says the same of all that is used here).
struct CNINetwork: Hashable, Sendable {
    /// The versions of the specification that are spoken, the better first.
    static let versions = ["1.0.0", "0.4.0"]
    /// What the container's interface is called.
    static let interface = "eth0"
    static let nodeLimit = 10_000

    /// Of the bridge, and of the network.
    let bridge: String
    let subnet: CNISubnet
    /// Where `host-local` keeps the addresses that it gave out.
    let leaseDirectory: String
    /// The version that all plugins speak.
    let version: String
    let mappings: [PortMapping]

    /// The plugins in the order of an ADD, each with its name and its configuration.
    var plugins: [(type: String, config: [String: JSONValue])] {
        var list: [(type: String, config: [String: JSONValue])] = [("bridge", bridgeConfig)]
        if !mappings.isEmpty { list.append(("portmap", portmapConfig)) }
        return list.map { type, config in
            let common: [String: JSONValue] = [
                "cniVersion": .string(version), "name": .string(bridge), "type": .string(type),
            ]
            return (type, config.merging(common) { own, _ in own })
        }
    }

    /// The bridge has its address and is there already: asked to be a gateway the plugin would make the whole
    /// host forward packets.
    private var bridgeConfig: [String: JSONValue] {
        [
            "bridge": .string(bridge), "isGateway": false, "ipMasq": false, "hairpinMode": true,
            "ipam": [
                "type": "host-local", "dataDir": .string(leaseDirectory),
                "ranges": [
                    [["subnet": .string("\(subnet)"), "gateway": .string("\(subnet.gateway)")]]
                ],
                "routes": [["dst": "0.0.0.0/0"]],
            ],
        ]
    }

    private var portmapConfig: [String: JSONValue] {
        [
            "snat": true, "capabilities": ["portMappings": true],
            "runtimeConfig": ["portMappings": .array(mappings.map(\.json))],
        ]
    }

    /// The versions that a plugin named which was asked for them.
    static func versions(spokenBy answer: [UInt8]) -> [String] {
        // What is not JSON names no version.
        let value = try? JSONValue(jsonText: answer, nodeLimit: nodeLimit)
        return value?["supportedVersions"]?.array?.compactMap(\.string) ?? []
    }
}

/// A port of this machine that leads to one of a container.
struct PortMapping: Hashable, Sendable {
    /// Of the port in the manifest.
    let name: String
    /// An IPv4 address; `0.0.0.0` for all.
    let host: String
    let hostPort: Int
    let containerPort: Int
    let isUDP: Bool

    fileprivate var json: JSONValue {
        var members: [String: JSONValue] = [
            "hostPort": .integer(Int64(hostPort)), "containerPort": .integer(Int64(containerPort)),
            "protocol": isUDP ? "udp" : "tcp",
        ]
        if host != "0.0.0.0" { members["hostIP"] = .string(host) }
        return .object(members)
    }
}

/// What came of an ADD.
struct CNIResult: Hashable, Sendable {
    let address: IPv4Address
    /// As the next plugin, and the DEL, are to be given it.
    let json: JSONValue

    /// Reads an answer.
    ///
    /// - Throws: ``CNIError`` where it is none of this version, or names no address of the subnet.
    init(_ answer: [UInt8], of network: CNINetwork) throws(CNIError) {
        // Whatever it is: no JSON.
        guard let value = try? JSONValue(jsonText: answer, nodeLimit: CNINetwork.nodeLimit),
            value.object != nil
        else { throw CNIError(message: "it answered no JSON object") }
        guard value["cniVersion"]?.string == network.version else {
            throw CNIError(message: "it did not answer by version \(network.version)")
        }
        let texts = value["ips"]?.array?.compactMap { $0["address"]?.string } ?? []
        let addresses = texts.compactMap { text -> IPv4Address? in
            let parts = text.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count == 2, Int(parts[1]) == network.subnet.length else { return nil }
            return IPv4Address(parts[0])
        }
        let inside = addresses.first { CNISubnet($0.value, network.subnet.length) == network.subnet }
        guard let address = inside else {
            throw CNIError(message: "it gave no address of \(network.subnet)")
        }
        self.address = address
        json = value
    }
}

/// Why a plugin did not do what it was told.
struct CNIError: Error, Hashable {
    /// What is shown of a message.
    static let messageLimit = 400

    let message: String

    init(message: String) { self.message = message }

    /// Reads what a plugin that failed wrote: an error of the specification, else the last line of its talk.
    init(answer: [UInt8], talk: [UInt8]) {
        // Where it is no such error the talk says more.
        let value = try? JSONValue(jsonText: answer, nodeLimit: CNINetwork.nodeLimit)
        let said = [value?["msg"]?.string, value?["details"]?.string].compactMap { $0 }.filter { !$0.isEmpty }
        let lines = String(decoding: talk, as: UTF8.self).split(separator: "\n")
        let text = said.isEmpty ? lines.last.map(String.init) ?? "" : said.joined(separator: ": ")
        message = text.isEmpty ? "it did not say why" : String(text.prefix(Self.messageLimit))
    }
}
