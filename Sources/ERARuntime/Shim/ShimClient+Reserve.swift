internal import CLinux
internal import ERACore
internal import ERALinux
internal import Glibc

/// Ports of this machine that are kept from others while what comes for them goes elsewhere: to a container.
///
/// A class, because it owns the sockets.
final class ReservedPorts: Sendable {
    /// What the address of such a socket begins with among those of a shim.
    static let prefix = "held "

    let ports: [(address: String, descriptor: Int32)]

    fileprivate init(_ ports: [(address: String, descriptor: Int32)]) { self.ports = ports }

    deinit { for port in ports { close(port.descriptor) } }
}

extension ShimClient {
    /// Holds ports for an instance: has them from a shim of its deployment, or binds them.
    ///
    /// - Throws: ``Failure`` `PortTaken`, with who has it as far as that is known; `StartFailed`.
    func reserve(_ sockets: [ShimLaunch.Socket], _ place: ShimPlace) async throws -> ReservedPorts {
        let holders = await holders(place)
        var unused = holders.flatMap { $0.sockets.map(\.descriptor) }
        defer { for descriptor in unused { close(descriptor) } }
        var ports: [(address: String, descriptor: Int32)] = []
        do {
            for socket in sockets {
                let descriptor: Int32
                if let own = socket.held(among: holders.flatMap(\.sockets)) {
                    descriptor = own
                    unused.removeAll { $0 == own }
                    // One that was handed over till now listens.
                    guard era_network_hold(own) == 0 || errno == ENOTCONN else {
                        defer { close(own) }
                        throw refusal(socket, errno)
                    }
                } else {
                    descriptor = try await hold(socket)
                }
                ports.append((ReservedPorts.prefix + socket.address, descriptor))
            }
        } catch {
            for port in ports { close(port.descriptor) }
            throw error
        }
        return ReservedPorts(ports)
    }

    private func hold(_ socket: ShimLaunch.Socket) async throws -> Int32 {
        let port = UInt16(truncatingIfNeeded: socket.port)
        let descriptor = era_network_hold_port(socket.host, port, socket.isUDP ? 1 : 0)
        guard descriptor < 0 else { return descriptor }
        let error = errno
        guard error == EADDRINUSE else { throw refusal(socket, error) }
        var owner = await deployment(with: socket)
        if owner == nil { owner = SocketOwner.find(port: port, socket.isUDP ? .udp : .tcp) }
        throw Failure.transient(
            .portTaken,
            "\(socket.host):\(socket.port) for port \(socket.name) is taken by \(owner ?? "another program"); "
                + "stop that, or choose another port"
        )
    }

    /// The deployment of ours whose shim has a port: the same, or one on all addresses.
    private func deployment(with socket: ShimLaunch.Socket) async -> String? {
        // Where they cannot be listed nobody is named.
        let instances = (try? instanceDirectories(below: options.dataDirectory)) ?? []
        for (key, instances) in Dictionary(grouping: instances, by: \.deployment) {
            guard let any = instances.first else { continue }
            let sockets = await holders(place(any)).flatMap(\.sockets)
            for held in sockets { close(held.descriptor) }
            if sockets.contains(where: { socket.collides(with: $0.address) }) { return "deployment \(key)" }
        }
        return nil
    }

    /// A socket that a shim of the deployment has, for a workload that is to listen on it; nil for none.
    ///
    /// - Throws: ``Failure`` where it does not listen any more, and cannot be made to.
    func listening(
        _ socket: ShimLaunch.Socket,
        among sockets: [(address: String, descriptor: Int32)]
    ) throws -> Int32? {
        guard let descriptor = socket.held(among: sockets) else { return nil }
        // One that held a port for a container does not.
        guard era_network_listen(descriptor) == 0 else { throw refusal(socket, errno) }
        return descriptor
    }
}

extension ShimLaunch.Socket {
    /// Reads what a shim calls a socket: `tcp 127.0.0.1 80`, after what says that it is only held.
    init?(address: String) {
        var words = address.split(separator: " ")
        if words.first == "held" { words.removeFirst() }
        guard words.count == 3, ["tcp", "udp"].contains(words[0]), let port = Int(words[2]) else {
            return nil
        }
        self.init(name: "", host: String(words[1]), port: port, isUDP: words[0] == "udp")
    }

    /// The same socket of a shim, whether it is handed on or only held.
    fileprivate func held(among sockets: [(address: String, descriptor: Int32)]) -> Int32? {
        sockets.first {
            $0.address == address || $0.address == ReservedPorts.prefix + address
        }?
        .descriptor
    }

    /// Whether two sockets cannot be bound at once.
    func collides(with address: String) -> Bool {
        guard let other = Self(address: address), other.port == port, other.isUDP == isUDP else {
            return false
        }
        let all = ["0.0.0.0", "::"]
        return other.host == host || all.contains(host) || all.contains(other.host)
    }
}
