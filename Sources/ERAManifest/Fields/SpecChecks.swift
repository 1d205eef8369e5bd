import ERACore

/// What concerns several fields of a spec.
///
/// Works on nodes, not on values: so it finds what it can also where other fields are wrong.
enum SpecChecks {
    @Sendable
    static func check(_ spec: YAMLNode, _ reading: inout Reading) {
        checkCommand(spec, &reading)
        for (list, key, noun) in uniqueKeys {
            reading.at(.field(list)) { checkUnique(spec[list]?.elements ?? [], key, noun, &$0) }
        }
        checkPorts(spec, &reading)
        checkDependencies(spec, &reading)
        reading.at(.field("health")) { reading in
            for kind in ProbeKind.allCases {
                guard let probe = spec["health"]?[kind.rawValue] else { continue }
                reading.at(.field(kind.rawValue)) { checkProbe(probe, ports: spec["ports"], &$0) }
            }
        }
    }

    /// The process plugin runs a command; others may know what to run from the artifact.
    private static func checkCommand(_ spec: YAMLNode, _ reading: inout Reading) {
        guard spec["runtime"]?["plugin"]?.string == PluginName.process.rawValue else { return }
        reading.at(.field("command")) { reading in
            guard let command = spec["command"] else {
                reading.refuse(
                    spec.position,
                    .required,
                    "is missing; the process plugin needs a program to run"
                )
                return
            }
            guard case .sequence(let words) = command.content else { return }
            if words.isEmpty || words[0].string?.isEmpty == true {
                reading.refuse(words.first?.position ?? command.position, .required, "names no program")
            }
        }
    }

    private static let uniqueKeys = [
        ("ports", "name", "port"), ("volumes", "name", "volume"), ("volumes", "mountPath", "volume"),
        ("env", "name", "variable"),
    ]

    private static func checkUnique(
        _ elements: [YAMLNode],
        _ key: String,
        _ noun: String,
        _ reading: inout Reading
    ) {
        var firsts: [String: Int] = [:]
        for (index, element) in elements.enumerated() {
            guard let node = element[key], let text = node.string else { continue }
            let identity = key == "mountPath" ? normalized(text) : text
            guard let first = firsts[identity] else {
                firsts[identity] = index
                continue
            }
            reading.at(.index(index)) { reading in
                reading.at(.field(key)) {
                    $0.refuse(node.position, .duplicate, "\(quoted(text)) is also that of \(noun) [\(first)]")
                }
            }
        }
    }

    /// `a//./b/` as `a/b`.
    private static func normalized(_ path: String) -> String {
        let parts = path.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
        return path.hasPrefix("/") ? "/" + parts : parts
    }

    private struct Endpoint {
        let transport: String
        let number: Int64
        let host: String

        init?(_ node: YAMLNode) {
            guard let number = node["port"]?.scalar?.value.integer else { return nil }
            self.number = number
            transport = node["protocol"]?.string ?? PortSpec.TransportProtocol.tcp.rawValue
            host = node["host"]?.string ?? "127.0.0.1"
        }

        /// Whether both cannot be listened on at once: the same address, or all addresses of one family.
        func overlaps(_ other: Endpoint) -> Bool {
            guard transport == other.transport, number == other.number else { return false }
            let (isIPv6, isOtherIPv6) = (host.contains(":"), other.host.contains(":"))
            return host == other.host
                || isIPv6 == isOtherIPv6 && (isAny || other.isAny)
        }

        private var isAny: Bool { host == "0.0.0.0" || host == "::" }
    }

    private static func checkPorts(_ spec: YAMLNode, _ reading: inout Reading) {
        var earlier: [Int64: [(index: Int, endpoint: Endpoint)]] = [:]
        reading.at(.field("ports")) { reading in
            for (index, node) in (spec["ports"]?.elements ?? []).enumerated() {
                guard let endpoint = Endpoint(node) else { continue }
                let rival = earlier[endpoint.number]?.first { $0.endpoint.overlaps(endpoint) }
                earlier[endpoint.number, default: []].append((index, endpoint))
                guard let rival else { continue }
                reading.at(.index(index)) { reading in
                    reading.at(.field("port")) {
                        $0.refuse(
                            node["port"]?.position ?? node.position,
                            .duplicate,
                            "\(endpoint.transport) \(endpoint.number) is also that of port [\(rival.index)]"
                        )
                    }
                }
            }
        }
    }

    private static func checkDependencies(_ spec: YAMLNode, _ reading: inout Reading) {
        var firsts: Set<[String?]> = []
        reading.at(.field("dependsOn")) { reading in
            for (index, dependency) in (spec["dependsOn"]?.elements ?? []).enumerated() {
                guard let name = dependency["name"]?.string else { continue }
                let isNew = firsts.insert([name, dependency["namespace"]?.string]).inserted
                guard !isNew else { continue }
                reading.at(.index(index)) {
                    $0.refuse(dependency.position, .duplicate, "\(quoted(name)) stands in the list twice")
                }
            }
        }
    }

    /// A probe names its port by one of `ports`, of the protocol that it speaks.
    private static func checkProbe(_ probe: YAMLNode, ports: YAMLNode?, _ reading: inout Reading) {
        for handler in ["httpGet", "tcpSocket"] {
            guard let port = probe[handler]?["port"], let name = port.string else { continue }
            reading.at(.field(handler)) { reading in
                reading.at(.field("port")) { reading in
                    guard let target = ports?.elements.first(where: { $0["name"]?.string == name }) else {
                        let names = (ports?.elements ?? []).compactMap { $0["name"]?.string }
                        reading.refuse(port.position, .invalid, missingPort(name, among: names))
                        return
                    }
                    if target["protocol"]?.string == PortSpec.TransportProtocol.udp.rawValue {
                        reading.refuse(port.position, .invalid, "\(quoted(name)) is a UDP port")
                    }
                }
            }
        }
    }

    private static func missingPort(_ name: String, among names: [String]) -> String {
        let hint: String =
            if Int64(name) != nil {
                "; write the number without quotes"
            } else if let near = suggestion(for: name, among: names) {
                "; did you mean \(near)?"
            } else if names.isEmpty {
                "; spec.ports is empty"
            } else {
                "; there are \(alternatives(names.prefix(10).map { quoted($0) }, "and"))"
            }
        return "\(quoted(name)) is no name in spec.ports\(hint)"
    }
}
