internal import ERACore
internal import ERALinux
internal import ERAManifest
internal import Glibc

/// The CNI plugins of this host, and iptables, which they need.
struct CNIShelf: Sendable {
    /// Where distributions and their makers put plugins.
    static let directories = ["/usr/lib/cni", "/opt/cni/bin"]
    /// What a bridge with mapped ports takes.
    static let names = ["bridge", "host-local", "portmap"]
    /// How long a plugin may take, with all it calls.
    static let callLimit = Duration.seconds(30)
    /// The most bytes of an answer, and of talk, that are kept.
    static let answerLimit = 256 << 10

    let directories: [String]
    let searchPath: [String]

    init(directories: [String] = Self.directories, searchPath: [String]) {
        self.directories = directories
        self.searchPath = searchPath
    }

    /// Where a plugin is; nil where it is not.
    func path(_ name: String) -> String? {
        directories.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    /// Whether a plugin is there, with the one that it calls.
    func isWhole(_ plugin: String) -> Bool {
        path(plugin) != nil && (plugin != "bridge" || path("host-local") != nil)
    }

    /// Nil where there is none.
    var iptables: HostTool? {
        CommandPath(searchPath: searchPath, files: nil).resolve("iptables").map {
            HostTool($0, searchPath: searchPath)
        }
    }

    /// What is missing for a bridge, and what to do; nil where nothing is.
    var problem: String? {
        let missing = Self.names.filter { path($0) == nil }
        guard missing.isEmpty else {
            return "there is no CNI plugin \(missing.joined(separator: ", ")) in "
                + "\(directories.joined(separator: " or ")); install them (apt-get install containernetworking-plugins)"
        }
        guard iptables != nil else {
            return "there is no iptables in the PATH of era daemon; install it (apt-get install iptables)"
        }
        return nil
    }

    /// The version of the specification in which all plugins are to be spoken to.
    ///
    /// - Throws: ``Failure``, permanent where there is none.
    func version() async throws -> String {
        var common = Set(CNINetwork.versions)
        for name in Self.names {
            let answer = try await run(
                name,
                ["CNI_COMMAND": "VERSION"],
                input: Array(#"{"cniVersion":"1.0.0"}"#.utf8)
            )
            common.formIntersection(CNINetwork.versions(spokenBy: answer.output))
        }
        guard let best = CNINetwork.versions.first(where: common.contains) else {
            throw Failure.permanent(
                .unsupported,
                "the CNI plugins in \(directories.joined(separator: " or ")) do not speak versions 1.0.0 or 0.4.0; "
                    + "install newer ones (apt-get install containernetworking-plugins)"
            )
        }
        return best
    }

    /// One call of a plugin for a container.
    ///
    /// - Parameters:
    ///   - command: `ADD` or `DEL`.
    ///   - namespace: The path of the container's; empty where it is gone.
    /// - Returns: What it answered.
    /// - Throws: ``Failure``.
    func call(
        _ plugin: String,
        _ command: String,
        container: String,
        namespace: String,
        config: JSONValue
    ) async throws -> [UInt8] {
        let variables = [
            "CNI_COMMAND": command, "CNI_CONTAINERID": container, "CNI_NETNS": namespace,
            "CNI_IFNAME": CNINetwork.interface, "CNI_PATH": directories.joined(separator: ":"),
        ]
        let outcome = try await run(plugin, variables, input: config.utf8Text(pretty: false))
        guard outcome.end == .code(0) else {
            let error = CNIError(answer: outcome.output, talk: outcome.errors)
            throw Failure.transient(
                .startFailed,
                "the CNI plugin \(plugin) failed at \(command) of \(container): \(error.message)"
            )
        }
        return outcome.output
    }

    private func run(_ name: String, _ variables: [String: String], input: [UInt8]) async throws
        -> ChildProgram.Outcome
    {
        guard let path = path(name) else {
            throw Failure.transient(.unsupported, problem ?? "there is no CNI plugin \(name)")
        }
        var program = ChildProgram(
            [path],
            arguments: [path],
            environment: variables.map { "\($0.key)=\($0.value)" }.sorted()
                + ["PATH=\(searchPath.joined(separator: ":"))", "LANG=C.UTF-8"]
        )
        program.input = input
        program.keepsErrorsApart = true
        let outcome: ChildProgram.Outcome
        do {
            outcome = try await program.run(within: Self.callLimit, outputLimit: Self.answerLimit)
        } catch {
            throw Failure.transient(.startFailed, "cannot run \(path): \(error.text)\(remedy(error.code))")
        }
        switch outcome.end {
        case .code, .signal: return outcome
        case .timedOut:
            throw Failure.transient(
                .timeout,
                "\(path) took longer than \(Self.callLimit.manifestText), and was killed"
            )
        case .cancelled, .stopped: throw CancellationError()
        }
    }
}
