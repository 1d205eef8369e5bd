internal import Glibc

extension ContainerPlugin {
    /// What this host has for containers, in one line for people.
    ///
    /// - Parameter searchPath: Where engines are looked for.
    /// - Returns: Whether the plugin can be used, and with what; or why not, and what to do.
    public static func survey(searchPath: [String]) async -> (isUsable: Bool, text: String) {
        guard geteuid() == 0 else { return (false, "containers need root; run era daemon as root") }
        // Only asked for versions: what it would remember is nowhere.
        let shelf = EngineShelf(searchPath: searchPath, directory: "/nonexistent", bootID: "")
        let groups = ContainerGroups(groups: nil)
        do throws(EngineMissing) {
            let engine = try await shelf.find(nil, groups)
            return (true, ([engine.tool.path] + surroundings(groups, searchPath)).joined(separator: "; "))
        } catch {
            return (false, error.message)
        }
    }

    private static func surroundings(_ groups: ContainerGroups, _ searchPath: [String]) -> [String] {
        let systems = String(
            decoding: readSmallFile("/proc/filesystems", limit: 65_536) ?? [],
            as: UTF8.self
        )
        let hasOverlays = systems.split(whereSeparator: \.isWhitespace).contains("overlay")
        let profile = seccompPaths.first { access($0, R_OK) == 0 }
        let limits = groups.controllers.sorted().joined(separator: ", ")
        return [
            hasOverlays ? "overlays" : "no overlays, each run has a copy of its image (modprobe overlay)",
            "system calls by \(profile ?? "a filter of ERA's own (apt-get install golang-github-containers-common)")",
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
