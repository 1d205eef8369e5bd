internal import CLinux
internal import ERAContracts
internal import ERACore
internal import ERALinux
internal import ERAOCI
internal import Glibc
internal import Logging

/// What a container's start, end and checks have to do with its network.
extension ContainerPlugin {
    /// What is missing on this host for the network that is asked for.
    func networkProblems(_ config: ContainerConfig) -> [SpecProblem] {
        guard config.network == .bridge else { return [] }
        let field = "spec.runtime.config.network"
        guard geteuid() == 0 else {
            return [SpecProblem(field: field, message: "a bridge needs root; run ERA as root, or use host")]
        }
        if let problem = networks.shelf.problem { return [SpecProblem(field: field, message: problem)] }
        let code = era_network_try_bridge()
        guard code != 0 else { return [] }
        let message =
            "this kernel makes no bridge: \(SystemError(code).text); load the modules bridge and veth"
        return [SpecProblem(field: field, message: message)]
    }

    // MARK: The start

    /// Holds the ports of this machine that are to lead to the container.
    ///
    /// - Throws: ``Failure`` `PortTaken`, and others.
    func reserve(_ instance: PreparedInstance, _ config: ContainerConfig) async throws -> ReservedPorts? {
        let sockets = config.mappings(instance.spec).map { mapping in
            ShimLaunch.Socket(
                name: mapping.name,
                host: mapping.host,
                port: mapping.hostPort,
                isUDP: mapping.isUDP
            )
        }
        return sockets.isEmpty ? nil : try await host.shims.reserve(sockets, workloads.place(instance.id))
    }

    /// Puts a container on the bridge; nil for another network.
    ///
    /// - Throws: ``Failure``.
    func connect(_ instance: PreparedInstance, _ config: ContainerConfig) async throws -> NetworkAttachment? {
        guard config.network == .bridge else { return nil }
        return try await networks.connect(place(instance.id), config.mappings(instance.spec))
    }

    /// Takes the network of a container back that could not be started, also where that was cancelled.
    func forgetNetwork(_ id: InstanceID) async {
        do {
            try await uncancelled(within: ContainerNetworks.takeBackLimit, by: networks.clock) {
                // What starts after all, since nobody waited for it, keeps its network.
                _ = try await whileUnsupervised(id) { await leaveNetwork(place(id)) }
            }
        } catch {
            logKept(place(id), error)
        }
    }

    /// Takes the network of a container back that does not run. What cannot be is taken back later.
    func leaveNetwork(_ place: ContainerPlace) async {
        do {
            try await networks.disconnect(place)
            try await networks.removeIfUnused()
        } catch {
            logKept(place, error)
        }
    }

    private func logKept(_ place: ContainerPlace, _ error: any Error) {
        host.options.logger.warning(
            "network of a container not taken back",
            metadata: ["container": "\(place.name)", "error": "\(error)"]
        )
    }

    /// Takes back the networks of a deployment's containers that have ended by themselves, and that nobody
    /// has stopped: their mappings would catch what comes for the next instance.
    ///
    /// - Parameter id: One that is left alone.
    func leaveNetworks(of key: DeploymentKey, besides id: InstanceID?) async {
        let names = namesInDirectory("\(host.options.dataDirectory)/instances/\(key)")
        for number in names.compactMap({ Int($0) }) {
            let other = InstanceID(key, RevisionNumber(number))
            guard other != id, networks.isConnected(place(other)) else { continue }
            // One that does not answer may run.
            guard (try? await workloads.status(other).mayHaveProcesses) == false else { continue }
            await leaveNetwork(place(other))
        }
    }

    // MARK: The bundle

    func runtimeNetwork(_ config: ContainerConfig, _ attachment: NetworkAttachment?)
        -> RuntimeConfiguration.Network
    {
        switch config.network {
        case .host: return .host
        case .none: return .none
        case .bridge: return attachment.map { .joined($0.namespace.path) } ?? .none
        }
    }

    /// `PORT_<NAME>` of the ports that are others in the container.
    func portVariables(_ spec: DeploymentSpec) -> [(name: String, value: String)] {
        let config = ContainerConfig.parse(spec.runtime.config).config
        return config.mappings(spec).map {
            (ShimWorkloads.portVariable($0.name), String($0.containerPort))
        }
    }

    static func naming(_ attachment: NetworkAttachment, _ hostname: String) -> ContainerNaming {
        ContainerNaming(
            hostname: hostname,
            address: attachment.address,
            gateway: attachment.gateway,
            hosts: text("/etc/hosts"),
            resolver: text("/etc/resolv.conf"),
            upstream: text("/run/systemd/resolve/resolv.conf")
        )
    }

    /// What a container on the bridge does not have here.
    func networkRestrictions(_ naming: ContainerNaming) -> [String] {
        var restrictions: [String] = []
        if Self.text("/proc/sys/net/ipv4/ip_forward").first == "0" {
            restrictions.append(
                "the bridge ends at this machine: it does not forward packets (sysctl net.ipv4.ip_forward=1)"
            )
        }
        if !naming.hasServer {
            restrictions.append("no name server of /etc/resolv.conf can be reached from the bridge")
        }
        return restrictions
    }
}
