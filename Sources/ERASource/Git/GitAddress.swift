/// Which repository, which of its references, and which directory: `git+https://host/repo.git#main:path`.
public struct GitAddress: Hashable, Sendable, CustomStringConvertible {
    /// How the repository is reached.
    public enum Scheme: String, Hashable, Sendable, CaseIterable {
        case https, http, ssh, file
    }

    /// What every address begins with.
    static let prefix = "git+"
    /// The most bytes of an address.
    static let lengthLimit = 2048

    public let scheme: Scheme
    /// What git is given: `https://host/repo.git`.
    let url: String
    /// A whole reference: `refs/heads/main`; `HEAD` for the repository's own choice.
    let reference: String
    /// Relative, without a slash at either end; empty for all.
    let path: String

    /// As it was given.
    public let description: String

    /// - Throws: ``GitAddressProblem``.
    public init(_ text: String) throws(GitAddressProblem) {
        guard text.utf8.count <= Self.lengthLimit else { throw GitAddressProblem("is too long") }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
            throw GitAddressProblem("has blanks or control characters")
        }
        guard text.hasPrefix(Self.prefix), let separator = text.firstRange(of: "://") else {
            throw GitAddressProblem("is none; git+https://HOST/REPOSITORY[#BRANCH][:DIRECTORY] is one")
        }
        let schemeText = text[text.index(text.startIndex, offsetBy: Self.prefix.count)..<separator.lowerBound]
        guard let scheme = Scheme(rawValue: String(schemeText)) else {
            let known = Scheme.allCases.map { Self.prefix + $0.rawValue }.joined(separator: ", ")
            throw GitAddressProblem("begins with \(Self.prefix)\(schemeText); it may be \(known)")
        }
        let rest = text[separator.upperBound...]
        let parts = rest.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
        try Self.checkPlace(parts[0], scheme)
        let fragment = parts.count > 1 ? parts[1] : ""
        let words = fragment.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        reference = try Self.reference(words.first ?? "")
        path = try Self.path(words.count > 1 ? words[1] : "")
        self.scheme = scheme
        url = "\(scheme.rawValue)://\(parts[0])"
        description = text
    }

    private static func checkPlace(_ place: Substring, _ scheme: Scheme) throws(GitAddressProblem) {
        guard let slash = place.firstIndex(of: "/") else {
            throw GitAddressProblem("names no repository after the host")
        }
        let authority = place[..<slash]
        guard place[slash...].count > 1 else { throw GitAddressProblem("names no repository") }
        if scheme == .file {
            guard authority.isEmpty else {
                throw GitAddressProblem("names a host; a path has three slashes, git+file:///srv/repo")
            }
            return
        }
        let host = authority.split(separator: "@", omittingEmptySubsequences: false)
        guard host.count <= 2, let name = host.last, !name.isEmpty, !name.hasPrefix(":") else {
            throw GitAddressProblem("names no host")
        }
        // To ssh it would be an option.
        guard !authority.hasPrefix("-"), !name.hasPrefix("-") else {
            throw GitAddressProblem("names a host or user that begins with -")
        }
        guard host.count == 2 else { return }
        guard scheme == .ssh, !host[0].contains(":") else {
            throw GitAddressProblem("has a user name or password in it, which would be shown")
        }
    }

    /// Source: git-check-ref-format(1).
    private static func reference(_ text: Substring) throws(GitAddressProblem) -> String {
        if text.isEmpty { return "HEAD" }
        let name = text.hasPrefix("refs/") ? String(text) : "refs/heads/\(text)"
        let components = name.split(separator: "/", omittingEmptySubsequences: false)
        let isForbidden = name.unicodeScalars.contains { "~^:?*[\\".unicodeScalars.contains($0) }
        guard !isForbidden, !text.hasPrefix("-"), !name.contains(".."), !name.contains("@{"),
            !name.hasSuffix("."),
            components.count > 2,
            components.allSatisfy({ !$0.isEmpty && !$0.hasPrefix(".") && !$0.hasSuffix(".lock") })
        else { throw GitAddressProblem("has a branch that cannot be one, \(text)") }
        return name
    }

    private static func path(_ text: Substring) throws(GitAddressProblem) -> String {
        let components = text.split(separator: "/")
        guard !text.hasPrefix("/"), components.allSatisfy({ $0 != ".." && $0 != "." }) else {
            throw GitAddressProblem("has a directory that leads out of the repository, \(text)")
        }
        return components.joined(separator: "/")
    }
}

/// Why a text is no address of a repository.
public struct GitAddressProblem: Error, Equatable, Sendable, CustomStringConvertible {
    /// As the end of a sentence about the address.
    public let description: String
    init(_ description: String) { self.description = description }
}
