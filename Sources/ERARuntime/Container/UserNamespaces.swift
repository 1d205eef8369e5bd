internal import ERAContracts
internal import ERACore
internal import ERALinux
internal import ERAOCI
internal import Glibc
internal import Synchronization

/// The user namespaces in which a daemon that is not root has its containers: as many as there are programs
/// in them, all of one mapping, so that to each of them the files of all others belong to the same users.
///
/// A class, since it remembers which mapping this host has allowed.
public final class UserNamespaces: Sendable {
    /// How long a trial may take.
    static let trialLimit = Duration.seconds(30)

    private let shimPath: String
    private let searchPath: [String]
    private let user: HostUser
    private let found = Mutex<UserNamespace?>(nil)
    /// One trial at a time: who comes meanwhile has what it finds.
    private let trials = Gate(limit: 1)

    /// Nil for root, whose containers need none.
    ///
    /// - Parameters:
    ///   - shimPath: The `era-shim` executable, which enters them.
    ///   - searchPath: Where programs of the host are looked for.
    ///   - areForced: Also for root, whose namespaces have a single user. For tests.
    public init?(shimPath: String, searchPath: [String], areForced: Bool = false) {
        guard geteuid() != 0 || areForced else { return nil }
        self.shimPath = shimPath
        self.searchPath = searchPath
        user = HostUser.current
    }

    /// As for the workloads of a host; nil for root.
    public convenience init?(_ host: ShimHost) {
        self.init(shimPath: host.options.shimPath, searchPath: host.options.searchPath)
    }

    /// Finds the best that this host allows; what has worked is not tried again, unless the host's files say
    /// something else.
    ///
    /// - Throws: ``NamespaceMissing`` where it allows none; a transient ``Failure`` where that could not be
    ///   told now; `CancellationError`.
    func find() async throws -> UserNamespace {
        try await trials.withPermit { try await findInTurn() }
    }

    private func findInTurn() async throws -> UserNamespace {
        let latest = found.withLock { $0 }
        var advice: String
        switch range() {
        case .success(let namespace):
            if let latest, latest.maps == namespace.maps { return latest }
            guard let problem = try await problem(namespace) else { return remember(namespace) }
            advice = "a range of users cannot be mapped: \(problem)"
        case .failure(let missing): advice = missing.message
        }
        advice += "; until then root is a container's only user"
        let mapping = UserMapping(user: geteuid(), group: getegid())
        let single = namespace(mapping, maps: [mapping.userText, mapping.groupText], advice: advice)
        if let latest, latest.maps == single.maps { return remember(single) }
        guard let problem = try await problem(single) else { return remember(single) }
        throw NamespaceMissing(
            message: "containers without root need user namespaces, and this host allows none: \(problem)"
                + "; run ERA as root, or \(Self.remedy)"
        )
    }

    private func remember(_ namespace: UserNamespace) -> UserNamespace {
        found.withLock { $0 = namespace }
        return namespace
    }

    /// Why the host refuses such a namespace; nil where it does not.
    ///
    /// - Throws: ``Failure``, `CancellationError`, where it has not said: that is no answer to remember.
    private func problem(_ namespace: UserNamespace) async throws -> String? {
        let outcome = try await namespace.run([], within: Self.trialLimit)
        return outcome.status == .code(0) ? nil : outcome.lastLine
    }

    /// The namespace with a range of users.
    private func range() -> Result<UserNamespace, NamespaceMissing> {
        let path = CommandPath(searchPath: searchPath, files: nil)
        guard let users = path.resolve("newuidmap"), let groups = path.resolve("newgidmap"),
            // They are words of a text.
            ![users, groups].contains(where: { $0.contains(" ") })
        else {
            return .failure(
                NamespaceMissing(message: "there is no newuidmap; install it (apt-get install uidmap)")
            )
        }
        let mapping = UserMapping(
            user: geteuid(),
            group: getegid(),
            name: user.name,
            subuid: readSmallFile("/etc/subuid", limit: UserMapping.sizeLimit) ?? [],
            subgid: readSmallFile("/etc/subgid", limit: UserMapping.sizeLimit) ?? []
        )
        guard let mapping else {
            return .failure(
                NamespaceMissing(
                    message: "/etc/subuid and /etc/subgid give \(user.name) no users; as root: usermod "
                        + "--add-subuids 100000-165535 --add-subgids 100000-165535 \(user.name)"
                )
            )
        }
        let maps = ["\(users) \(mapping.userText)", "\(groups) \(mapping.groupText)"]
        return .success(namespace(mapping, maps: maps, advice: nil))
    }

    private func namespace(_ mapping: UserMapping, maps: [String], advice: String?) -> UserNamespace {
        UserNamespace(
            mapping: mapping,
            maps: maps,
            advice: advice,
            shimPath: shimPath,
            searchPath: searchPath
        )
    }

    /// What forbids namespaces here, as far as it says so itself.
    private static var remedy: String {
        let switches = [
            ("user.max_user_namespaces", "0", "15000"), ("kernel.unprivileged_userns_clone", "0", "1"),
            ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
        ]
        let closed = switches.first { name, value, _ in
            let path = "/proc/sys/" + name.split(separator: ".").joined(separator: "/")
            let bytes = readSmallFile(path, limit: 32) ?? []
            return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self) == value
        }
        return closed.map { "as root: sysctl \($0.0)=\($0.2)" } ?? "lift what forbids them (LSM, seccomp)"
    }
}

/// A mapping that this host allows, and how to run programs in a namespace of it.
struct UserNamespace: Sendable {
    /// A mount of an overlay that only the program sees.
    struct Overlay: Sendable {
        var target: String
        var options: String
    }

    /// How long the removal of a tree may take, or a change of owners.
    static let treeLimit = Duration.seconds(600)
    /// By which `era-shim within` says that there is no process or memory now (`EX_TEMPFAIL`).
    static let busyCode: Int32 = 75

    let mapping: UserMapping
    /// What `era-shim within` is told of users and groups.
    let maps: [String]
    /// Why there is root alone, and what to do; nil where there is a range.
    let advice: String?
    let shimPath: String
    let searchPath: [String]

    /// The words that start a program in such a namespace; its own follow.
    func prefix(_ overlay: Overlay? = nil) -> [String] {
        [shimPath, "within"] + maps + [overlay?.target ?? "", overlay?.options ?? ""]
    }

    /// The user that a container is to have.
    ///
    /// - Throws: ``Failure`` `UserMissing` where there is none.
    func resolve(_ user: ContainerUser) throws(Failure) -> ContainerUser {
        do throws(OCIError) {
            return try mapping.resolve(user)
        } catch {
            let remedy = advice ?? "give this user a larger range in /etc/subuid and /etc/subgid"
            throw .permanent(.userMissing, "\(error); \(remedy)")
        }
    }

    /// Runs a program of the host, as root of the namespace.
    ///
    /// - Parameter words: The program, by its name, and its arguments; none for a trial of the namespace.
    /// - Throws: ``Failure``, where it did not come to its end or the host was too busy for a namespace;
    ///   `CancellationError`.
    func run(_ words: [String], _ overlay: Overlay? = nil, within limit: Duration) async throws
        -> HostTool.Outcome
    {
        var program: [String] = []
        if let name = words.first {
            guard let path = CommandPath(searchPath: searchPath, files: nil).resolve(name) else {
                throw Failure.permanent(.unsupported, "there is no \(name) in the PATH of era daemon")
            }
            program = [path] + words.dropFirst()
        }
        var tool = HostTool(shimPath, searchPath: searchPath)
        tool.gainsPrivileges = true
        let outcome = try await tool.run(Array(prefix(overlay).dropFirst()) + program, within: limit)
        guard case .code(let code) = outcome.status, code != Self.busyCode else {
            let said = "\(outcome.status): \(outcome.lastLine)"
            throw Failure.transient(.startFailed, "\(words.first ?? shimPath) ended by \(said)")
        }
        return outcome
    }

    /// Runs a program that has to succeed.
    ///
    /// - Throws: ``Failure``, `CancellationError`.
    func require(_ words: [String], to attempt: String) async throws {
        let outcome = try await run(words, within: Self.treeLimit)
        guard outcome.status == .code(0) else {
            throw Failure.transient(.fileSystemError, "cannot \(attempt): \(outcome.lastLine)")
        }
    }

    /// Removes a tree, whoever of the namespace its parts belong to.
    ///
    /// - Throws: ``Failure``, `CancellationError`.
    func removeTree(_ path: String) async throws {
        try await require(["rm", "-rf", "--one-file-system", "--", path], to: "remove \(path)")
    }
}

/// Why there is no user namespace, and what to do.
struct NamespaceMissing: Error, Hashable {
    let message: String
}

/// Removes trees, also those of which parts belong to other users of a container.
struct TreeRemoval: Sendable {
    let queue: BlockingQueue
    /// Nil for root, who removes everything.
    let namespaces: UserNamespaces?

    /// - Throws: ``Failure``, `CancellationError`.
    func remove(_ names: [String], in directory: String) async throws {
        for name in names {
            do throws(Failure) {
                try await queue.run { () throws(Failure) in try Folder(root: directory).remove(name) }
            } catch {
                guard error.persistence == .permanent, let namespace = try await namespaces?.required()
                else { throw error }
                try await namespace.removeTree("\(directory)/\(name)")
            }
        }
    }
}

extension UserNamespaces {
    /// As ``find()``, for those who have to have one.
    ///
    /// - Throws: ``Failure``, `Unsupported` where the host allows none; `CancellationError`.
    func required() async throws -> UserNamespace {
        do {
            return try await find()
        } catch let error as NamespaceMissing {
            throw Failure.permanent(.unsupported, error.message)
        }
    }
}
