/// The files by which a container on a bridge finds others by their names.
struct ContainerNaming: Hashable, Sendable {
    var hosts: String
    var resolver: String
    /// Whether a name server is left that the container can reach.
    var hasServer: Bool

    /// How a container calls the host, as podman has it.
    static let hostName = "host.containers.internal"

    /// - Parameters:
    ///   - address: The container's.
    ///   - hosts: The host's `/etc/hosts`.
    ///   - resolver: The host's `/etc/resolv.conf`.
    ///   - upstream: What the host's own resolver asks, where it has one (systemd-resolved).
    init(
        hostname: String,
        address: IPv4Address,
        gateway: IPv4Address,
        hosts: String,
        resolver: String,
        upstream: String
    ) {
        let known = hosts.split(separator: "\n").filter { line in
            let words = Self.words(line)
            guard words.count > 1, !Self.isLocal(words[0]) else { return false }
            return !words.dropFirst().contains { $0 == hostname || $0 == Self.hostName }
        }
        self.hosts =
            ([
                "127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost ip6-loopback",
                "\(address)\t\(hostname)", "\(gateway)\t\(Self.hostName)",
            ] + known.map(String.init)).map { $0 + "\n" }.joined()
        let own = Self.reachable(resolver)
        let kept = own.hasServer ? own : Self.reachable(upstream)
        self.resolver = kept.hasServer ? kept.text : own.text
        hasServer = kept.hasServer
    }

    /// A resolver's file without the servers that a container with IPv4 alone cannot reach.
    private static func reachable(_ text: String) -> (text: String, hasServer: Bool) {
        var hasServer = false
        let lines = text.split(separator: "\n").filter { line in
            let words = words(line)
            guard words.first == "nameserver" else { return !words.isEmpty }
            guard words.count > 1, let server = IPv4Address(words[1]), !server.isLoopback else {
                return false
            }
            hasServer = true
            return true
        }
        return (lines.map { $0 + "\n" }.joined(), hasServer)
    }

    /// Without a comment.
    private static func words(_ line: Substring) -> [Substring] {
        let text = line.prefix { $0 != "#" && $0 != ";" }
        return text.split(whereSeparator: \.isWhitespace)
    }

    private static func isLocal(_ address: Substring) -> Bool {
        // Of IPv6 addresses none can be reached.
        guard let address = IPv4Address(address) else { return true }
        return address.isLoopback
    }
}
