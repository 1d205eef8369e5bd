import ERACore
import ERAContracts
import ERALinux
import Glibc
import Synchronization

/// As whom one fetch asks registries: found out when it is needed first, once for each.
///
/// A class, because the downloads of a fetch share it.
final class RegistryLogins: Sendable {
    /// A login, and what to do where it is refused.
    struct Login: Sendable {
        /// Nil for nobody.
        let credentials: Credentials?
        let advice: String
    }

    private let http: HTTPFetcher
    private let pullSecret: PartName?
    private let namespace: NamespaceName
    /// One at a time: the first of several blobs asks, the others find.
    private let gate = Gate(limit: 1)
    /// What was found, failures too: the helper of a mirror that hangs is waited for once, not for each blob.
    private let found = Mutex<[String: Result<Login, Failure>]>([:])

    init(_ http: HTTPFetcher, pullSecret: PartName?, namespace: NamespaceName) {
        self.http = http
        self.pullSecret = pullSecret
        self.namespace = namespace
    }

    /// Those of the secret, which are for the registry alone unless they name hosts; else of a file of
    /// logins, or of who keeps them for it.
    ///
    /// - Parameter isMirror: Whether it only stands in for the registry that the secret is for.
    /// - Throws: ``Failure``, `CancellationError`.
    func login(registry: String, repository: String, isMirror: Bool) async throws -> Login {
        try await gate.withPermit(queued: {}) {
            let key = "\(registry)/\(repository)"
            if let login = found.withLock({ $0[key] }) { return try login.get() }
            let login: Result<Login, Failure>
            do { login = .success(try await find(registry, repository, isMirror)) } catch let failure
                as Failure
            {
                login = .failure(failure)
            }
            found.withLock { $0[key] = login }
            return try login.get()
        }
    }

    private func find(_ registry: String, _ repository: String, _ isMirror: Bool) async throws -> Login {
        if let pullSecret {
            let place = "the secret \(pullSecret), which pullSecret names"
            let secret = try await http.secret(pullSecret, in: namespace)
            if case .registries(let logins) = secret {
                let credentials = logins.credentials(registry: registry, repository: repository)
                return Login(
                    credentials: credentials,
                    advice: credentials == nil
                        ? "\(place), has no login for it; add one" : "check its login in \(place)"
                )
            }
            if !isMirror { return Login(credentials: secret, advice: "check \(place)") }
        }
        for path in http.options.loginFiles {
            if let login = try await login(in: path, registry, repository) { return login }
        }
        return Login(
            credentials: nil,
            advice: "name a secret in pullSecret, or log in as the daemon's user (podman login \(registry))"
        )
    }

    private func login(in path: String, _ registry: String, _ repository: String) async throws -> Login? {
        guard let bytes = try Self.file(path) else { return nil }
        let logins: DockerConfig
        do { logins = try DockerConfig(bytes) } catch {
            throw Failure.permanent(.fetchRefused, "the logins in \(path) cannot be read: \(error)")
        }
        if let helper = logins.helper(registry: registry),
            let credentials = try await http.options.credentialHelpers.login(
                helper,
                for: registry,
                namedIn: path
            )
        {
            let advice = "check what docker-credential-\(helper) has for it, which \(path) names"
            return Login(credentials: credentials, advice: advice)
        }
        return logins.credentials(registry: registry, repository: repository).map {
            Login(
                credentials: $0,
                advice: "check its login in \(path), or log in anew (podman login \(registry))"
            )
        }
    }

    private static func file(_ path: String) throws -> [UInt8]? {
        try speakingFailure {
            do throws(SystemError) {
                return try readFile(path, limit: DockerConfig.sizeLimit + 1)
            } catch {
                if error.code == ENOENT || error.code == ENOTDIR { return nil }
                // In a directory that is closed to us nobody keeps a login for us: root's podman closes
                // /run/containers.
                if error.code == EACCES, access(path, F_OK) != 0 { return nil }
                throw error
            }
        }
    }
}
