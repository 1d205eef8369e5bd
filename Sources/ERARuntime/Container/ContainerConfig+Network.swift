internal import ERAContracts
internal import ERACore

/// What network a container has.
enum ContainerNetwork: String, Hashable, Sendable, CaseIterable {
    /// The host's.
    case host
    /// A loopback of its own, and nothing else.
    case none
    /// An address on ERA's bridge, with ports mapped to it.
    case bridge
}

extension ContainerConfig {
    static let portRange: ClosedRange<Int64> = 1...65_535

    mutating func takeContainerPorts(_ value: JSONValue) -> WorkloadConfig.Taken {
        guard let members = value.object else { return .wrong(("containerPorts", "is not an object")) }
        for (name, number) in members.sorted(by: { $0.key < $1.key }) {
            guard let port = number.integer, Self.portRange.contains(port) else {
                return .wrong(("containerPorts.\(name)", "is not a number from 1 to 65535"))
            }
            containerPorts[name] = Int(port)
        }
        return .fine
    }

    /// Which ports of this machine lead to which of the container; none but on a bridge.
    func mappings(_ spec: DeploymentSpec) -> [PortMapping] {
        guard network == .bridge else { return [] }
        // A socket that is handed over is the host's.
        return spec.ports.filter { !$0.passSocket }.map { port in
            PortMapping(
                name: port.name.rawValue,
                host: port.host,
                hostPort: port.port,
                containerPort: containerPorts[port.name.rawValue] ?? port.port,
                isUDP: port.transport == .udp
            )
        }
    }

    /// What is wrong with the ports of a spec for this network.
    func portProblems(_ spec: DeploymentSpec) -> [SpecProblem] {
        func problem(_ index: Int, _ message: String) -> SpecProblem {
            SpecProblem(field: "spec.ports[\(index)]", message: message)
        }
        let known = Set(mappings(spec).map(\.name))
        let strangers = containerPorts.keys.sorted().filter { !known.contains($0) }.map { name in
            SpecProblem(
                field: "spec.runtime.config.containerPorts.\(name)",
                message: network == .bridge
                    ? "there is no such port in spec.ports, or one with passSocket"
                    : "ports are mapped on a bridge only: set network to bridge, or leave it out"
            )
        }
        let mapped = spec.ports.enumerated().filter { !$0.element.passSocket }
        switch network {
        case .host: return strangers
        case .none:
            let message =
                "cannot be reached: runtime.config.network is none; set passSocket, or use bridge or the host's"
            return strangers + mapped.map { problem($0.offset, message) }
        case .bridge:
            return strangers
                + mapped.filter { IPv4Address($0.element.host) == nil }.map { index, port in
                    problem(index, "\(port.host) cannot be mapped: the bridge has IPv4 only; say 0.0.0.0")
                }
        }
    }
}

extension ContainerConfig {
    /// Whether the ports of a spec are mapped to a container.
    static func isOnBridge(_ spec: DeploymentSpec) -> Bool {
        spec.runtime.plugin == .container && parse(spec.runtime.config).config.network == .bridge
    }
}
