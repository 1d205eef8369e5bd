import ERACore

/// Where an HTTP probe goes.
struct ProbeURL: Equatable, CustomStringConvertible {
    var scheme: ProbeSpec.HTTPGet.Scheme
    var host: String
    /// Nil for the scheme's own.
    var port: Int?
    /// With the query, beginning with `/`.
    var path: String

    init(scheme: ProbeSpec.HTTPGet.Scheme, host: String, port: Int?, path: String) {
        self.scheme = scheme
        self.host = host
        self.port = port
        self.path = path.hasPrefix("/") ? path : "/" + path
    }

    var description: String {
        let name = host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
        return "\(scheme.rawValue.lowercased())://\(name)\(port.map { ":\($0)" } ?? "")\(path)"
    }

    /// Where a `Location` leads, seen from here; nil when it is no HTTP address.
    ///
    /// Source: RFC 3986 section 5.2, without the removal of dot segments, which the server does.
    func following(_ location: String) -> ProbeURL? {
        let target = location.prefix { $0 != "#" }
        if target.isEmpty { return nil }
        for scheme in ProbeSpec.HTTPGet.Scheme.allCases {
            let start = "\(scheme.rawValue.lowercased())://"
            if target.lowercased().hasPrefix(start) {
                return Self.absolute(scheme, target.dropFirst(start.count))
            }
        }
        if target.hasPrefix("//") { return Self.absolute(scheme, target.dropFirst(2)) }
        var next = self
        if target.hasPrefix("/") {
            next.path = String(target)
        } else if target.hasPrefix("?") {
            next.path = "\(path.prefix { $0 != "?" })\(target)"
        } else {
            // A scheme of another kind: `mailto:x`.
            if target.prefix(while: { $0 != "/" && $0 != "?" }).contains(":") { return nil }
            let plain = path.prefix { $0 != "?" }
            let slash = plain.lastIndex(of: "/") ?? plain.startIndex
            next.path = "\(plain[...slash])\(target)"
        }
        return next
    }

    private static func absolute(_ scheme: ProbeSpec.HTTPGet.Scheme, _ rest: Substring) -> ProbeURL? {
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        let path = rest[authority.endIndex...]
        // No user name: nobody needs one in a probe, and it can hide the host.
        guard !authority.isEmpty, !authority.contains("@") else { return nil }
        var host = authority
        var port: Int?
        if let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") {
            guard let number = Int(authority[authority.index(after: colon)...]), (1...65_535).contains(number)
            else { return nil }
            port = number
            host = authority[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { return nil }
        return ProbeURL(scheme: scheme, host: String(host), port: port, path: String(path))
    }
}
