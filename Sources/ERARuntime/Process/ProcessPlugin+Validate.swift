public import ERAContracts
public import ERACore
internal import Glibc

extension ProcessPlugin {
    public func validate(_ spec: DeploymentSpec) async throws -> [SpecProblem] {
        ProcessConfig.parse(spec.runtime.config).problems.map { SpecProblem(config: $0) }
            + commandProblems(spec) + workloads.userProblems(spec) + volumeProblems(spec)
            + workloads.environmentProblems(spec)
    }

    private func commandProblems(_ spec: DeploymentSpec) -> [SpecProblem] {
        guard let command = spec.command.first, !command.isEmpty else {
            return [SpecProblem(field: "spec.command", message: "is missing: the program to run")]
        }
        func problem(_ message: String) -> [SpecProblem] {
            [SpecProblem(field: "spec.command[0]", message: message)]
        }
        var problems: [SpecProblem] = []
        if !command.hasPrefix("/") {
            if containedPath(command) == nil { problems += problem("\(command) leads out of the artifact") }
            if command.contains("/"), spec.artifact == nil {
                problems += problem(
                    "\(command) is a path below the artifact, and there is no spec.artifact; "
                        + "give an absolute path, or a name to be found in \(host.searchPathText)"
                )
            }
        }
        // What an artifact brings is not here yet.
        let isKnown = command.hasPrefix("/") || spec.artifact == nil && !command.contains("/")
        let lookup = CommandPath(searchPath: host.options.searchPath, files: nil)
        if isKnown, lookup.resolve(command) == nil {
            let place =
                command.hasPrefix("/") ? "on this host" : "in \(host.searchPathText)"
            problems += problem(
                "there is no program \(command) \(place) that may be executed; install it, or mend the name"
            )
        }
        if !spec.workingDirectory.hasPrefix("/"), containedPath(spec.workingDirectory) == nil {
            problems.append(SpecProblem(field: "spec.workingDirectory", message: "leads out of the artifact"))
        }
        return problems
    }

    private func volumeProblems(_ spec: DeploymentSpec) -> [SpecProblem] {
        var problems: [SpecProblem] = []
        var targets: Set<String> = []
        for (index, volume) in spec.volumes.enumerated() {
            func problem(_ message: String) {
                problems.append(SpecProblem(field: "spec.volumes[\(index)].mountPath", message: message))
            }
            let isAbsolute = volume.mountPath.hasPrefix("/")
            let contained = containedPath(volume.mountPath)
            if !isAbsolute, contained == nil || contained == "" {
                problem("\(volume.mountPath) is not a path below the working directory")
            }
            if !targets.insert(contained ?? volume.mountPath).inserted {
                problem("two volumes have this path")
            }
            if isAbsolute, geteuid() != 0 {
                problem("an absolute path needs a mount, and only root can mount; use a relative one")
            }
            if case .tmpfs = volume.source, geteuid() != 0 {
                problem("a tmpfs needs a mount, and only root can mount")
            }
        }
        return problems
    }
}
