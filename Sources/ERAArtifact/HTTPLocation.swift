import ERACore

/// An http or https address in parts, strictly parsed.
///
/// What is sent is put together from these parts, so that nobody reads another host into it than we did.
/// Source: RFC 3986 section 3 and 5.2.
struct HTTPLocation: Hashable, Sendable {
    enum Scheme: String, Hashable, Sendable {
        case http, https

        var defaultPort: Int {
            switch self {
            case .http: 80
            case .https: 443
            }
        }
    }

    /// What credentials are bound to.
    struct Origin: Hashable, Sendable {
        let scheme: Scheme
        let host: String
        let port: Int

        /// Whether it is one of these registries, named as `host:port`, or as `host` at its usual port.
        func isAmong(_ registries: Set<String>) -> Bool {
            registries.contains("\(host):\(port)") || port == scheme.defaultPort && registries.contains(host)
        }
    }

    /// The longest address that is followed, in bytes.
    static let lengthLimit = 8192

    let origin: Origin
    /// Path and query as they are sent; starts with a slash.
    let target: String

    /// - Throws: ``InvalidValue`` for another scheme, a user name, a bad port, a host that is neither a name
    ///   nor an address in its usual form, or an address above the limit.
    init(_ text: some StringProtocol) throws(InvalidValue) {
        let invalid = InvalidValue(String(text.prefix(200)), expected: "an http or https address")
        guard text.utf8.count <= Self.lengthLimit, let colon = text.firstIndex(of: ":"),
            let scheme = Scheme(rawValue: text[..<colon].lowercased()),
            text[colon...].hasPrefix("://")
        else { throw invalid }
        let rest = text[text.index(colon, offsetBy: 3)...]
        let authority = rest.prefix { !"/?#".contains($0) }
        guard let (host, port) = Self.hostAndPort(authority) else { throw invalid }
        origin = Origin(scheme: scheme, host: host, port: port ?? scheme.defaultPort)
        target = Self.target(Substring(rest[authority.endIndex...]))
    }

    private init(origin: Origin, target: String) {
        self.origin = origin
        self.target = target
    }

    /// Where a reference leads that was found in a `Location` of this address.
    ///
    /// - Throws: ``InvalidValue`` as in `init`.
    func resolving(_ reference: String) throws(InvalidValue) -> HTTPLocation {
        let colon = reference.firstIndex {
            !($0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0)))
        }
        if let colon, reference[colon] == ":" { return try HTTPLocation(reference) }
        if reference.hasPrefix("//") { return try HTTPLocation(origin.scheme.rawValue + ":" + reference) }
        guard reference.utf8.count <= Self.lengthLimit else {
            throw InvalidValue(String(reference.prefix(200)), expected: "an http or https address")
        }
        let path = target.prefix { $0 != "?" }
        let text: String
        switch reference.first {
        case "/": text = reference
        case "?", "#", nil: text = path + reference
        default: text = path[...(path.lastIndex(of: "/") ?? path.startIndex)] + reference
        }
        return HTTPLocation(origin: origin, target: Self.target(text[...]))
    }

    /// The whole address, as it is requested.
    var url: String { "\(shownOrigin)\(target)" }

    /// The address for people: without the query, which may hold a signature.
    var shown: String { "\(shownOrigin)\(target.prefix { $0 != "?" })" }

    private var shownOrigin: String {
        let port = origin.port == origin.scheme.defaultPort ? "" : ":\(origin.port)"
        return "\(origin.scheme.rawValue)://\(origin.host)\(port)"
    }

    private static func hostAndPort(_ authority: some StringProtocol) -> (host: String, port: Int?)? {
        let host: String
        var rest: String
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
            host = authority[...end].lowercased()
            rest = String(authority[authority.index(after: end)...])
            guard HostAddress(ipv6: String(host.dropFirst().dropLast())) != nil else { return nil }
        } else {
            host = authority.prefix { $0 != ":" }.lowercased()
            rest = String(authority.dropFirst(host.count))
            guard isHost(host) else { return nil }
        }
        guard !rest.isEmpty else { return (host, nil) }
        guard rest.removeFirst() == ":", rest.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        if rest.isEmpty { return (host, nil) }
        guard let port = Int(rest), (1...65535).contains(port) else { return nil }
        return (host, port)
    }

    /// A name of the usual characters, or an IPv4 address with four plain decimal parts: the resolver would
    /// take `0x7f.1` and `2130706433` for addresses too, and they would slip past every check.
    private static func isHost(_ host: String) -> Bool {
        guard !host.isEmpty, host.utf8.count <= 253,
            host.utf8.allSatisfy({ byte in
                (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || "-._".utf8.contains(byte)
            }),
            let last = host.split(separator: ".").last
        else { return false }
        let isNumeric = last.utf8.allSatisfy { (0x30...0x39).contains($0) } || last.hasPrefix("0x")
        return !isNumeric || HostAddress(ipv4: host) != nil
    }

    /// Path and query with dot segments removed and odd bytes escaped; the fragment is dropped.
    private static func target(_ text: Substring) -> String {
        let text = text.prefix { $0 != "#" }
        let path = text.prefix { $0 != "?" }
        var segments: [Substring] = []
        for segment in path.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
            switch segment {
            case ".": continue
            case "..": _ = segments.popLast()
            default: segments.append(segment)
            }
        }
        if path.hasSuffix("/.") || path.hasSuffix("/..") { segments.append("") }
        return escaped("/" + segments.joined(separator: "/") + text[path.endIndex...])
    }

    private static func escaped(_ text: String) -> String {
        let allowed = Set("-._~!$&'()*+,;=:@/?%".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            let isAlphanumeric =
                (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte)
            if isAlphanumeric || allowed.contains(byte) {
                bytes.append(byte)
            } else {
                bytes.append(
                    contentsOf: "%\(byte < 16 ? "0" : "")\(String(byte, radix: 16, uppercase: true))".utf8
                )
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
