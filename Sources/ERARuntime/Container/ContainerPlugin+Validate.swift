public import ERAContracts
public import ERACore
internal import ERAOCI
internal import Glibc

extension ContainerPlugin {
    /// Where the container has what a volume would hide.
    private static let reservedPaths = ["/", "/proc", "/sys", "/dev"]

    public func validate(_ spec: DeploymentSpec) async throws -> [SpecProblem] {
        let (config, problems) = ContainerConfig.parse(spec.runtime.config)
        return problems.map { SpecProblem(config: $0) } + (try await namespaceProblems())
            + (await engineProblems(spec, config)) + artifactProblems(spec) + userProblems(spec)
            + config.portProblems(spec) + networkProblems(config)
            + volumeProblems(spec) + workloads.environmentProblems(spec)
    }

    private func engineProblems(_ spec: DeploymentSpec, _ config: ContainerConfig) async -> [SpecProblem] {
        do throws(EngineMissing) {
            guard try await engines.find(config.engine, groups).name == .crun else { return [] }
            return spec.ports.indices.filter { spec.ports[$0].passSocket }.map { index in
                SpecProblem(
                    field: "spec.ports[\(index)].passSocket",
                    message: "is handed on by runc only, and crun is what would run this; install runc"
                )
            }
        } catch {
            let field = config.engine == nil ? "spec.runtime.plugin" : "spec.runtime.config.engine"
            return [SpecProblem(field: field, message: error.message)]
        }
    }

    private func artifactProblems(_ spec: DeploymentSpec) -> [SpecProblem] {
        guard let source = spec.artifact?.source, source.scheme != .oci else { return [] }
        return [
            SpecProblem(
                field: "spec.artifact.source",
                message: "\(source) is a file, and a container needs an image: oci://host/repository:tag"
            )
        ]
    }

    private func userProblems(_ spec: DeploymentSpec) -> [SpecProblem] {
        guard let user = spec.user, !ImageAccounts.isUser(user) else { return [] }
        return [SpecProblem(field: "spec.user", message: "is neither a user nor user:group")]
    }

    private func volumeProblems(_ spec: DeploymentSpec) -> [SpecProblem] {
        var problems: [SpecProblem] = []
        var targets: Set<String> = []
        for (index, volume) in spec.volumes.enumerated() {
            func problem(_ message: String) {
                problems.append(SpecProblem(field: "spec.volumes[\(index)].mountPath", message: message))
            }
            let path = volume.mountPath
            if path.split(separator: "/").contains("..") {
                problem("\(path) leads out of the directory that it names")
            } else if !path.hasPrefix("/"), containedPath(path) == "" {
                problem("\(path) is not a path below the working directory")
            }
            // Where relative paths begin may be the image's to say: those are compared with each other.
            let target =
                path.hasPrefix("/") ? absoluteContainerPath(path, from: "/") : containedPath(path) ?? path
            if Self.reservedPaths.contains(target) { problem("\(target) is the container's own") }
            if !targets.insert(target).inserted { problem("two volumes have this path") }
        }
        return problems
    }
}
