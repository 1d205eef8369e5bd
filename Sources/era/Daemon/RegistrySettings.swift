import ERAArtifact
import ERACore
import ERAOCI

/// A registry as an option names it: a host, with a port where that is not 443.
struct RegistryName: Hashable, Sendable {
    let text: String

    /// - Throws: ``InvalidValue`` for what cannot stand at the beginning of an `oci://` address.
    init(_ text: String) throws(InvalidValue) {
        // Any repository will do, and why it is refused is said here: the rest has no say in what a host is.
        guard let reference = try? ImageReference("oci://\(text)/x"), reference.registry == text else {
            throw InvalidValue(text, expected: "a registry, such as registry.example.org:5000")
        }
        self.text = text
    }
}

/// A registry, and one that has the same contents: `registry.example.org=mirror.local:5000`.
struct RegistryMirror: Hashable, Sendable {
    let registry: RegistryName
    let mirror: RegistryName

    /// - Throws: ``InvalidValue``.
    init(_ text: String) throws(InvalidValue) {
        let parts = text.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else {
            throw InvalidValue(text, expected: "a registry and its mirror, such as one.example.org=two:5000")
        }
        registry = try RegistryName(parts[0])
        mirror = try RegistryName(parts[1])
    }
}

extension FetchOptions {
    /// What the options and the variables of the environment say about downloads.
    ///
    /// - Parameter searchPath: Where credential helpers are looked for.
    init(_ options: EngineOptionsGroup, _ environment: Environment, searchPath: [String]) {
        self.init()
        allowsHTTP = options.allowHttp
        insecureRegistries = Set(options.insecureRegistry.map(\.text))
        for entry in options.registryMirror {
            mirrors[entry.registry.text, default: []].append(entry.mirror.text)
        }
        loginFiles = LoginFiles.paths(environment, user: Environment.userID)
        // They find the keys of the daemon's user by it; what is for ERA alone is not for them.
        let variables = environment.variables.filter { !$0.key.hasPrefix("ERA_") }
        credentialHelpers = CredentialHelpers(
            searchPath: searchPath,
            environment: variables.map { "\($0.key)=\($0.value)" }
        )
    }
}

/// Where docker and podman keep the logins of registries.
enum LoginFiles {
    /// In podman's order: the file that is named, those of the session, those of the user.
    ///
    /// Source: containers-auth.json(5).
    static func paths(_ environment: Environment, user: UInt32) -> [String] {
        if let named = environment["REGISTRY_AUTH_FILE"], !named.isEmpty { return [named] }
        let places: [(variable: String, path: String)] = [
            ("XDG_RUNTIME_DIR", "containers/auth.json"), ("XDG_CONFIG_HOME", "containers/auth.json"),
            ("HOME", ".config/containers/auth.json"), ("DOCKER_CONFIG", "config.json"),
            ("HOME", ".docker/config.json"),
        ]
        let found = places.compactMap { variable, path -> String? in
            guard let directory = environment[variable], directory.hasPrefix("/") else { return nil }
            return "\(directory)/\(path)"
        }
        // Where podman puts them without a session, as root on a machine that has no systemd user does.
        let isInSession = environment["XDG_RUNTIME_DIR"].map { !$0.isEmpty } ?? false
        return isInSession ? found : ["/run/containers/\(user)/auth.json"] + found
    }
}
