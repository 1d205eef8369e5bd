import ERACore
import ERAManifest
import Synchronization

/// The tokens that registries gave out, until they expire. A class, because all downloads share them.
final class RegistryTokens: Sendable {
    /// The longest answer of a token server, in bytes.
    static let answerSizeLimit = 256 << 10
    /// The most tokens that are remembered; beyond it all are forgotten.
    static let countLimit = 256
    /// A token counts as expired so long before it is.
    static let margin = Duration.seconds(10)
    /// The longest life that is believed.
    static let lifetimeLimit = Duration.seconds(3600)

    /// Whose token it is, where, for what.
    struct Key: Hashable, Sendable {
        let origin: HTTPLocation.Origin
        let repository: String
        let credentials: Credentials?
    }

    private let tokens = Mutex<[Key: (authorization: Credentials, expires: Uptime)]>([:])

    func authorization(for key: Key, now: Uptime) -> Credentials? {
        tokens.withLock { tokens in
            guard let (authorization, expires) = tokens[key], now < expires else { return nil }
            return authorization
        }
    }

    func keep(_ authorization: Credentials, for key: Key, until expires: Uptime) {
        tokens.withLock { tokens in
            if tokens.count >= Self.countLimit { tokens.removeAll() }
            tokens[key] = (authorization, expires)
        }
    }

    func forget(_ key: Key) { tokens.withLock { $0[key] = nil } }

    /// Reads a token server's answer: the token, and how long it may be used from now on.
    ///
    /// Source: the distribution project's token authentication; a life of 60 seconds where none is named.
    static func read(_ answer: [UInt8]) -> (token: String, lifetime: Duration)? {
        // Whatever is wrong with it, there is no token.
        guard let value = try? JSONValue(jsonText: answer, nodeLimit: 1000),
            let token = [value["token"]?.string, value["access_token"]?.string].compactMap(\.self)
                .first(where: { !$0.isEmpty }),
            token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { return nil }
        let seconds = max(0, value["expires_in"]?.integer ?? 60)
        let lifetime = min(.seconds(min(seconds, 1 << 31)), lifetimeLimit)
        return (token, max(.zero, lifetime - margin))
    }
}
