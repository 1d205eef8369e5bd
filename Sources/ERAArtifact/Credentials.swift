public import ERACore

/// What a secret says to a server that wants to know who asks. Prints as nothing of it.
public enum Credentials: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
    case basic(username: String, password: String)
    case bearer(token: String)
    /// What a token server gives tokens for (OAuth 2.0's refresh token), and nobody else may see.
    case identity(token: String)
    /// Logins of several registries, each for its own host.
    case registries(DockerConfig)

    /// From a secret with the keys `username` and `password`, or `token`, or `.dockerconfigjson`.
    ///
    /// - Throws: ``Failure``, permanent `SecretMissing`, where it has neither, or a value that no header can
    ///   carry. A trailing newline is not part of a value, since editors add it.
    public init(secret: [String: String], named name: PartName) throws {
        if let text = secret[".dockerconfigjson"] {
            do { self = .registries(try DockerConfig(Array(text.utf8))) } catch {
                throw Failure.permanent(
                    .secretMissing,
                    "the key .dockerconfigjson of the secret \(name) is not what docker login writes; copy it anew"
                )
            }
            return
        }
        let values = secret.mapValues { value in value.hasSuffix("\n") ? String(value.dropLast()) : value }
        guard values.values.allSatisfy({ $0.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F } }) else {
            throw Failure.permanent(
                .secretMissing,
                "the secret \(name) has a control character in a value; write each value on one line"
            )
        }
        if let token = values["token"] {
            self = .bearer(token: token)
        } else if let username = values["username"], let password = values["password"],
            !username.contains(":")
        {
            self = .basic(username: username, password: password)
        } else {
            throw Failure.permanent(
                .secretMissing,
                "the secret \(name) has neither a token, nor a username and a password, nor a .dockerconfigjson; add "
                    + "one of them"
            )
        }
    }

    public var description: String { "(credentials)" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Finds the credentials that a `pullSecret` names.
///
/// It is asked only when something has to be downloaded.
/// - Returns: Nil where there is no such secret; the fetch then fails and says so.
/// - Throws: ``Failure``.
public typealias CredentialsProvider =
    @Sendable (
        _ pullSecret: PartName, _ namespace: NamespaceName
    ) async throws -> Credentials?
