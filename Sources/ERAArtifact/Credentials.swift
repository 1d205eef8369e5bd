public import ERACore

/// What a secret says to a server that wants to know who asks. Prints as nothing of it.
public enum Credentials: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
    case basic(username: String, password: String)
    case bearer(token: String)

    /// From a secret with the keys `username` and `password`, or `token`.
    ///
    /// - Throws: ``Failure``, permanent `SecretMissing`, where it has neither, or a value that no header can
    ///   carry. A trailing newline is not part of a value, since editors add it.
    public init(secret: [String: String], named name: PartName) throws {
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
                "the secret \(name) has neither a token nor a username and a password; add one of them"
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
