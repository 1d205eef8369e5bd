public import ERACore
import ERAManifest
import FoundationEssentials

/// The logins of `docker login` and `podman login`: `~/.docker/config.json`, `containers/auth.json`, and the
/// key `.dockerconfigjson` of secrets. Prints as nothing of it.
///
/// Source: containers-auth.json(5).
public struct DockerConfig: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
    /// The largest file, in bytes.
    public static let sizeLimit = 1 << 20

    private let logins: [String: Credentials]
    /// The names of programs that keep logins: each for a registry, and one for all.
    private let helpers: [String: String]
    private let generalHelper: String?

    /// - Throws: ``InvalidValue``, which shows nothing of the text.
    public init(_ text: [UInt8]) throws(InvalidValue) {
        let invalid = InvalidValue("(logins)", expected: "the JSON of docker's config.json, with `auths`")
        guard text.count <= Self.sizeLimit else { throw invalid }
        let value: JSONValue
        do { value = try JSONValue(jsonText: text, nodeLimit: 100_000) } catch { throw invalid }
        guard value.object != nil else { throw invalid }
        var logins: [String: Credentials] = [:]
        for (key, entry) in value["auths"]?.object ?? [:] {
            logins[Self.normalized(key)] = Self.login(entry)
        }
        self.logins = logins
        helpers = (value["credHelpers"]?.object ?? [:]).reduce(into: [:]) { helpers, entry in
            helpers[Self.normalized(entry.key)] = entry.value.string
        }
        generalHelper = value["credsStore"]?.string
    }

    /// Who keeps the login of a registry outside of this file; nil where nobody does.
    func helper(registry: String) -> String? {
        [helpers[registry] ?? generalHelper].compactMap(\.self).first { !$0.isEmpty }
    }

    /// The login for a repository: of the longest path that it lies in, then of its host.
    func credentials(registry: String, repository: String) -> Credentials? {
        var path = registry + "/" + repository
        while true {
            if let login = logins[path] { return login }
            guard let slash = path.lastIndex(of: "/") else { return nil }
            path = String(path[..<slash])
        }
    }

    /// `https://host/v1/` as older tools write it means the host.
    private static func normalized(_ key: String) -> String {
        var key = key.lowercased()[...]
        for scheme in ["https://", "http://"] where key.hasPrefix(scheme) {
            key = key.dropFirst(scheme.count)
        }
        for end in ["/", "/v1", "/v2"] where key.hasSuffix(end) { key = key.dropLast(end.count) }
        for end in ["/v1", "/v2"] where key.hasSuffix(end) { key = key.dropLast(end.count) }
        return String(key)
    }

    private static func login(_ entry: JSONValue) -> Credentials? {
        if let token = entry["registrytoken"]?.string, !token.isEmpty, isSendable(token) {
            return .bearer(token: token)
        }
        if let token = entry["identitytoken"]?.string, !token.isEmpty {
            return isSendable(token) ? .identity(token: token) : nil
        }
        var (username, password) = (entry["username"]?.string, entry["password"]?.string)
        if let auth = entry["auth"]?.string, !auth.isEmpty {
            guard let text = base64Decoded(auth), let colon = text.firstIndex(of: ":") else { return nil }
            username = String(text[..<colon])
            // Docker pads with NUL.
            password = String(text[text.index(after: colon)...].prefix { $0 != "\0" })
        }
        return basic(username, password)
    }

    /// Nil for what no header can carry.
    static func basic(_ username: String?, _ password: String?) -> Credentials? {
        guard let username, let password, !username.isEmpty, !username.contains(":"), isSendable(username),
            isSendable(password)
        else { return nil }
        return .basic(username: username, password: password)
    }

    /// Whether a header can carry it.
    static func isSendable(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
    }

    public var description: String { "(logins)" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// The text of a base64 form (RFC 4648 section 4), padded or not; nil for anything else.
func base64Decoded(_ text: String) -> String? {
    let digits = text.utf8.reversed().drop { $0 == UInt8(ascii: "=") }.reversed()
    let padded = String(decoding: digits, as: UTF8.self) + String(repeating: "=", count: -digits.count & 3)
    return Data(base64Encoded: padded).flatMap { String(validating: $0, as: UTF8.self) }
}
