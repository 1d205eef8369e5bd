public import ERACore

/// The address of an image or artifact: `host[:port]/repository[:tag][@digest]`.
///
/// The host is always written: there is no registry that is meant when none is named. Without tag and digest,
/// the tag `latest` is meant, as with podman and docker, and shown. With both, the digest decides and the tag
/// is for people.
/// Source: distribution specification 1.1, "Pulling manifests".
public struct ImageReference: Hashable, Sendable, CustomStringConvertible {
    /// The tag that is meant where neither a tag nor a digest is given.
    public static let defaultTag = "latest"
    /// Bytes of a tag. Source: distribution specification 1.1.
    public static let tagLengthLimit = 128

    /// Lower case, an IPv6 address in brackets, with the port where one is given.
    public let registry: String
    public let repository: String
    /// Nil only where there is a digest.
    public let tag: String?
    public let digest: Digest?

    /// - Parameter text: With or without `oci://` before it.
    /// - Throws: ``InvalidValue``.
    public init(_ text: some StringProtocol) throws(InvalidValue) {
        let invalid = { (expected: String) in InvalidValue(String(text.prefix(300)), expected: expected) }
        let form = "of the form oci://host[:port]/repository[:tag][@sha256:…]"
        var rest = Substring(text)
        if rest.hasPrefix("oci://") { rest = rest.dropFirst(6) }
        var digest: Digest?
        if let at = rest.firstIndex(of: "@") {
            digest = try Digest(rest[rest.index(after: at)...])
            rest = rest[..<at]
        }
        guard let slash = rest.firstIndex(of: "/"), let registry = Self.registry(rest[..<slash]) else {
            throw invalid(form + ", with the host of a registry")
        }
        rest = rest[rest.index(after: slash)...]
        var tag: String?
        if let colon = rest.lastIndex(of: ":") {
            let text = rest[rest.index(after: colon)...]
            guard Self.isTag(text) else {
                throw invalid(
                    "\(form); a tag is up to \(Self.tagLengthLimit) letters, digits, '_', '.' and '-'"
                )
            }
            tag = String(text)
            rest = rest[..<colon]
        }
        guard rest.split(separator: "/", omittingEmptySubsequences: false).allSatisfy(Self.isComponent),
            registry.utf8.count + 1 + rest.utf8.count <= OCILimits.nameLengthLimit
        else {
            throw invalid(
                "\(form); a repository is lower-case letters and digits, with '.', '_', '__' or '-' between them"
            )
        }
        self.registry = registry
        repository = String(rest)
        self.digest = digest
        self.tag = tag ?? (digest == nil ? Self.defaultTag : nil)
    }

    private init(registry: String, repository: String, tag: String?, digest: Digest?) {
        self.registry = registry
        self.repository = repository
        self.tag = tag
        self.digest = digest
    }

    /// The same with what its tag stands for.
    public func pinned(to digest: Digest) -> ImageReference {
        ImageReference(registry: registry, repository: repository, tag: tag, digest: digest)
    }

    /// What is asked the registry for: the digest if there is one.
    public var manifestName: String { digest?.description ?? tag ?? Self.defaultTag }

    /// The last component of the repository.
    public var name: String {
        String(
            repository[
                (repository.lastIndex(of: "/").map(repository.index(after:)) ?? repository.startIndex)...
            ]
        )
    }

    /// `host/repository:tag@sha256:…`, with those of the last two that there are.
    public var description: String {
        registry + "/" + repository + (tag.map { ":" + $0 } ?? "") + (digest.map { "@\($0)" } ?? "")
    }

    private static func registry(_ text: Substring) -> String? {
        let text = text.lowercased()
        var host = text[...]
        var port: Substring?
        if host.hasPrefix("[") {
            guard let end = host.firstIndex(of: "]") else { return nil }
            let rest = host[host.index(after: end)...]
            if !rest.isEmpty {
                guard rest.hasPrefix(":") else { return nil }
                port = rest.dropFirst()
            }
            host = host[..<end].dropFirst()
            guard host.utf8.count <= 45, host.contains(":"),
                host.utf8.allSatisfy({ isDigit($0) || (0x61...0x66).contains($0) || $0 == 0x3A || $0 == 0x2E }
                )
            else { return nil }
        } else {
            if let colon = host.firstIndex(of: ":") {
                port = host[host.index(after: colon)...]
                host = host[..<colon]
            }
            guard
                host.split(separator: ".", omittingEmptySubsequences: false).allSatisfy({ label in
                    label.first != "-" && label.last != "-" && (1...63).contains(label.utf8.count)
                        && label.utf8.allSatisfy { isLowerOrDigit($0) || $0 == 0x2D }
                })
            else { return nil }
        }
        if let port {
            guard port.utf8.allSatisfy(isDigit), let number = Int(port), (1...65535).contains(number) else {
                return nil
            }
        }
        return text
    }

    private static func isComponent(_ text: Substring) -> Bool {
        var rest = Array(text.utf8)[...]
        guard let first = rest.first, let last = rest.last, isLowerOrDigit(first), isLowerOrDigit(last) else {
            return false
        }
        while !rest.isEmpty {
            rest = rest.drop(while: isLowerOrDigit)
            let separator = rest.prefix { !isLowerOrDigit($0) }
            let isGood =
                separator.isEmpty || separator.elementsEqual(".".utf8) || separator.elementsEqual("_".utf8)
                || separator.elementsEqual("__".utf8) || separator.allSatisfy { $0 == 0x2D }
            guard isGood else { return false }
            rest = rest.dropFirst(separator.count)
        }
        return true
    }

    private static func isTag(_ text: Substring) -> Bool {
        (1...tagLengthLimit).contains(text.utf8.count) && text.first != "." && text.first != "-"
            && text.utf8.allSatisfy {
                isLowerOrDigit($0) || (0x41...0x5A).contains($0) || $0 == 0x5F || $0 == 0x2E || $0 == 0x2D
            }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    private static func isLowerOrDigit(_ byte: UInt8) -> Bool {
        isDigit(byte) || (0x61...0x7A).contains(byte)
    }
}
