import ERACore
import ERAOCI

/// One registry: where its API is, and what may be trusted of what it says.
struct RegistryPlace: Hashable, Sendable {
    /// `host[:port]`, as the address names it.
    let name: String
    let root: HTTPLocation

    /// - Parameter insecure: Registries that are spoken to in plain http.
    /// - Throws: ``Failure`` where the name is no host.
    init(_ name: String, insecure: Set<String>) throws {
        self.name = name
        let scheme = insecure.contains(name) ? "http" : "https"
        do { root = try HTTPLocation("\(scheme)://\(name)/v2/") } catch {
            throw Failure.permanent(
                .fetchRefused,
                "\(name) is not the host of a registry; correct the source"
            )
        }
    }

    /// - Parameter path: Behind `/v2/`.
    func location(_ path: String) throws -> HTTPLocation { try root.resolving("/v2/" + path) }

    /// Where tokens are asked for, if that place may learn the credentials.
    ///
    /// Only https, but at a registry that itself is spoken to in plain http; and no address of this machine,
    /// its link or a private network, unless the registry is at one of the kind: what a registry says must
    /// not make us speak to what only we can reach. What a *name* resolves to is not checked.
    /// - Throws: ``Failure``, permanent.
    func realm(_ text: String, insecure: Set<String>) throws -> HTTPLocation {
        let refused = { (why: String) in
            Failure.permanent(
                .fetchRefused,
                "the registry \(name) sends for a token to \(text.prefix(200)), \(why); ask whoever runs it"
            )
        }
        let realm: HTTPLocation
        do { realm = try HTTPLocation(text) } catch { throw refused("which is no http address") }
        if realm.origin.scheme == .http {
            guard root.origin.scheme == .http,
                realm.origin.host == root.origin.host || realm.origin.isAmong(insecure)
            else { throw refused("in plain http") }
        }
        let (own, its) = (HostAddress(host: root.origin.host), HostAddress(host: realm.origin.host))
        guard realm.origin.host != root.origin.host else { return realm }
        guard its == .other || its == own else { throw refused("an address of this machine or its link") }
        guard
            !HostAddress.isPrivate(host: realm.origin.host) || HostAddress.isPrivate(host: root.origin.host)
                || own == .loopback
        else { throw refused("an address of a private network") }
        return realm
    }
}

extension HostAddress {
    /// Whether a host is written as an address of a private network: RFC 1918, RFC 6598, RFC 4193.
    static func isPrivate(host: String) -> Bool {
        if host.hasPrefix("[") {
            let digits = host.dropFirst()
            return digits.hasPrefix("fc") || digits.hasPrefix("fd")
                || digits.hasPrefix("::ffff:") && isPrivate(host: String(digits.dropFirst(7).dropLast()))
        }
        let parts = host.split(separator: ".").compactMap { UInt8($0) }
        guard parts.count == 4, HostAddress(ipv4: host) != nil else { return false }
        switch (parts[0], parts[1]) {
        case (10, _), (172, 16...31), (192, 168), (100, 64...127): return true
        default: return false
        }
    }
}
