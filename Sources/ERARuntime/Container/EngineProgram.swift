internal import ERACore
internal import ERAOCI
internal import Glibc

/// runc or crun of this host, for the containers of one ERA.
struct EngineProgram: Sendable {
    /// How long a question, or the removal of what is left of a container, may take.
    static let callLimit = Duration.seconds(30)

    let name: ContainerEngine.Name
    let tool: HostTool
    /// Where it keeps what it knows of containers: its `--root`.
    let stateDirectory: String
    let isRootless: Bool

    /// The words before each verb.
    var prefix: [String] { ["--root", stateDirectory] + (isRootless ? ["--rootless=true"] : []) }

    /// Forgets a container, with its control groups and all that runs in it; none is fine.
    ///
    /// - Throws: ``Failure``.
    func delete(_ name: String) async throws {
        guard access("\(stateDirectory)/\(name)", F_OK) == 0 else { return }
        let outcome = try await tool.run(prefix + ["delete", "--force", name], within: Self.callLimit)
        guard outcome.status == .code(0) else {
            throw Failure.transient(
                .pluginFault,
                "\(self.name.rawValue) cannot remove what is left of container \(name): \(outcome.lastLine)"
            )
        }
    }
}

/// Which engines a host has.
struct EngineShelf: Sendable {
    let searchPath: [String]
    /// One for each boot: what an engine remembers of another boot names processes
    /// by numbers that others have now, so it is never asked to end them.
    let stateDirectory: String
    /// Whether the daemon is not root: runc alone is used then.
    let isRootless: Bool

    /// - Parameters:
    ///   - directory: For this.
    ///   - bootID: Of the present boot.
    init(searchPath: [String], directory: String, bootID: String, isRootless: Bool = false) {
        // Where Debian has runc, and a user's PATH does not lead.
        self.searchPath = searchPath + (isRootless ? ["/usr/sbin", "/sbin"] : [])
        self.isRootless = isRootless
        stateDirectory = "\(directory)/\(bootID)"
    }

    /// Removes what was remembered before the machine was booted: no process, mount or group of it is left.
    ///
    /// - Throws: ``Failure``.
    func forgetOtherBoots() throws {
        let parts = stateDirectory.split(separator: "/", omittingEmptySubsequences: false)
        let directory = parts.dropLast().joined(separator: "/")
        guard let own = parts.last, access(directory, F_OK) == 0 else { return }
        let folder = try Folder(root: directory)
        for name in try folder.names() where name != own { try folder.remove(name) }
    }

    /// Where an engine is, by the search path; nil where it is not.
    func path(_ name: ContainerEngine.Name) -> String? {
        CommandPath(searchPath: searchPath, files: nil).resolve(name.rawValue)
    }

    /// An engine, whatever its version; nil where it is not there.
    func program(_ name: ContainerEngine.Name) -> EngineProgram? {
        path(name).map { path in
            EngineProgram(
                name: name,
                tool: HostTool(path, searchPath: searchPath),
                stateDirectory: stateDirectory,
                isRootless: isRootless
            )
        }
    }

    /// Those that may have made what is remembered of a container: each keeps it in files of its own.
    func programs(of container: String) -> [EngineProgram] {
        let place = "\(stateDirectory)/\(container)"
        let names: [ContainerEngine.Name] =
            access("\(place)/state.json", F_OK) == 0
            ? [.runc] : access("\(place)/status", F_OK) == 0 ? [.crun] : ContainerEngine.Name.allCases
        return names.compactMap { program($0) }
    }

    /// Finds the engine that a config asks for and asks it for its version.
    ///
    /// - Throws: ``EngineMissing`` where there is none that will do.
    func find(_ wanted: ContainerEngine.Name?, _ groups: ContainerGroups) async throws(EngineMissing)
        -> EngineProgram
    {
        guard !isRootless || wanted != .crun else {
            throw EngineMissing(
                message: "without root runc runs containers, not crun; leave engine out, install runc"
            )
        }
        let wanted = isRootless ? .runc : wanted
        var refusals: [String] = []
        for name in wanted.map({ [$0] }) ?? ContainerEngine.Name.allCases {
            guard let program = program(name) else { continue }
            // Whatever is wrong with it: it is no engine for us.
            let outcome = try? await program.tool.run(["--version"], within: EngineProgram.callLimit)
            guard let engine = ContainerEngine(versionOutput: outcome?.output ?? ""), engine.name == name
            else {
                refusals.append("\(program.tool.path) does not say its version")
                continue
            }
            guard engine.isSupported else {
                refusals.append("\(engine) is older than \(name.minimum)")
                continue
            }
            if name == .crun, groups.layout == .many(hasUnified: true) {
                refusals.append("crun takes no host that has control groups of v1 and v2 beside each other")
                continue
            }
            return program
        }
        let names = wanted?.rawValue ?? "runc (or crun)"
        guard !refusals.isEmpty else {
            throw EngineMissing(
                message: "there is no \(names) in the PATH of era daemon; install it (apt-get install runc)"
            )
        }
        throw EngineMissing(message: refusals.joined(separator: ", and ") + "; install another \(names)")
    }
}

/// Why no engine can be used, and what to do.
struct EngineMissing: Error, Hashable {
    let message: String
}
