internal import ERAOCI
internal import Glibc

extension ContainerPlugin {
    /// What this host has for containers of a daemon of this user, in one line for people.
    ///
    /// - Parameters:
    ///   - searchPath: Where engines are looked for.
    ///   - namespaces: Nil where this is root.
    /// - Returns: Whether the plugin can be used, and with what; or why not, and what to do.
    public static func survey(
        searchPath: [String],
        namespaces: UserNamespaces?
    ) async -> (isUsable: Bool, text: String) {
        var users: [String] = []
        do {
            if let namespace = try await namespaces?.find() { users = [text(namespace)] }
        } catch let error as NamespaceMissing {
            return (false, error.message)
        } catch {
            return (false, "whether this host allows user namespaces cannot be told: \(error)")
        }
        // Only asked for versions: what it would remember is nowhere.
        let isRootless = namespaces != nil
        let shelf = EngineShelf(
            searchPath: searchPath,
            directory: "/nonexistent",
            bootID: "",
            isRootless: isRootless
        )
        let groups = ContainerGroups(groups: nil, isRootless: isRootless)
        do throws(EngineMissing) {
            let engine = try await shelf.find(nil, groups)
            let parts = [engine.tool.path] + users + surroundings(groups, isRootless ? nil : searchPath)
            return (true, parts.joined(separator: "; "))
        } catch {
            return (false, error.message)
        }
    }

    private static func text(_ namespace: UserNamespace) -> String {
        namespace.advice.map { "without root (\($0))" }
            ?? "without root, with \(namespace.mapping.userCount) users of their own"
    }

    /// - Parameter searchPath: Nil where this is not root.
    private static func surroundings(_ groups: ContainerGroups, _ searchPath: [String]?) -> [String] {
        let systems = String(
            decoding: readSmallFile("/proc/filesystems", limit: 65_536) ?? [],
            as: UTF8.self
        )
        let hasOverlays = systems.split(whereSeparator: \.isWhitespace).contains("overlay")
        let profile = seccompPaths.first { access($0, R_OK) == 0 }
        return [
            hasOverlays ? "overlays" : "no overlays, each run has a copy of its image (modprobe overlay)",
            "system calls by \(profile ?? "a filter of ERA's own (apt-get install golang-github-containers-common)")",
        ]
            + (searchPath.map { Self.rootOnly(groups, $0) }
                ?? ["limits where systemd delegates control groups (cgroup v2, Delegate=yes)"])
    }

    private static func rootOnly(_ groups: ContainerGroups, _ searchPath: [String]) -> [String] {
        let limits = groups.controllers.sorted().joined(separator: ", ")
        return [
            limits.isEmpty ? "no limits, for want of controllers" : "limits of \(limits)",
            CNIShelf(searchPath: searchPath).problem.map { "no network bridge: \($0)" }
                ?? "network bridge by CNI plugins",
        ]
    }

    /// podman's filter of system calls: the administrator's, else the distribution's.
    static var seccompPaths: [String] {
        ["/etc/containers/seccomp.json", "/usr/share/containers/seccomp.json"]
    }
}
