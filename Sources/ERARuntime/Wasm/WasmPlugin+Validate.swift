public import ERAContracts
public import ERACore

extension WasmPlugin {
    public func validate(_ spec: DeploymentSpec) async throws -> [SpecProblem] {
        let (config, problems) = WasmConfig.parse(spec.runtime.config)
        let own =
            problems.map { SpecProblem(config: $0) } + Self.problems(spec) + Self.problems(spec, config.files)
            + workloads.userProblems(spec) + workloads.environmentProblems(spec)
        do {
            return own + (try await engines.find(config.engine)).problems(spec)
        } catch let failure as Failure where failure.persistence == .permanent {
            let field = config.engine == nil ? "spec.runtime.plugin" : "spec.runtime.config.engine"
            return own + [SpecProblem(field: field, message: failure.message)]
        }
    }

    /// What no engine does, or no module has.
    static func problems(_ spec: DeploymentSpec) -> [SpecProblem] {
        var problems = commandProblems(spec)
        if spec.workingDirectory != "." {
            problems.append(
                SpecProblem(
                    field: "spec.workingDirectory",
                    message: "a module has no working directory, only its volumes; leave it out"
                )
            )
        }
        for index in spec.ports.indices {
            problems.append(
                SpecProblem(
                    field: "spec.ports[\(index)]",
                    message: "a module of WASI preview 1 cannot listen; leave it out"
                )
            )
        }
        var targets: Set<String> = []
        for (index, volume) in spec.volumes.enumerated() {
            let field = "spec.volumes[\(index)].mountPath"
            let path = volume.mountPath
            let contained =
                path.hasPrefix("/") ? containedPath(String(path.dropFirst())) : containedPath(path)
            if contained == nil || contained == "" {
                problems.append(SpecProblem(field: field, message: "\(path) is not the path of a directory"))
            }
            if !targets.insert(contained ?? path).inserted {
                problems.append(SpecProblem(field: field, message: "two volumes have this path"))
            }
        }
        return problems
    }

    /// Directories of the artifact that nobody would find.
    private static func problems(_ spec: DeploymentSpec, _ files: [String]) -> [SpecProblem] {
        let field = "spec.runtime.config.files"
        guard spec.artifact != nil || files.isEmpty else {
            return [SpecProblem(field: field, message: "are directories of an artifact, and there is none")]
        }
        let volumes = spec.volumes.compactMap { containedPath($0.mountPath) }
        return files.filter { path in volumes.contains { "\(path)/".hasPrefix("\($0)/") } }.map {
            SpecProblem(field: field, message: "\($0) is hidden by a volume; give that another mountPath")
        }
    }

    private static func commandProblems(_ spec: DeploymentSpec) -> [SpecProblem] {
        func problem(_ message: String) -> [SpecProblem] {
            [SpecProblem(field: "spec.command", message: message)]
        }
        guard let module = spec.command.first else {
            return spec.artifact == nil ? problem("is missing: the module to run, or give an artifact") : []
        }
        guard !module.isEmpty else { return problem("begins with nothing; name the module") }
        guard spec.artifact != nil else {
            return module.hasPrefix("/") || !module.contains("/")
                ? []
                : problem("\(module) is a path below the artifact, and there is none; give an absolute path")
        }
        return containedPath(module) == nil ? problem("\(module) leads out of the artifact") : []
    }
}
