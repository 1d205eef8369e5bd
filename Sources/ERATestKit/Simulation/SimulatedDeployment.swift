import ERACore
import ERAManifest

/// What the simulated user declares under one name.
struct SimulatedDeployment {
    static let portBase = 20_000

    let index: Int
    /// Grows with each change, so that each is another version.
    var minor: UInt = 0
    var behaviour = SimulatedHost.Behaviour.good
    var hasProbe = true
    var dependsOn: Int?

    var name: String { "app-\(index)" }

    var key: DeploymentKey {
        guard let name = try? DeploymentName(name) else { preconditionFailure("\(name) is a name") }
        return DeploymentKey(name: name)
    }

    var version: String { "1.\(minor).\(behaviour.rawValue)" }

    /// The manifest as a user writes it.
    var manifest: String {
        var text = """
            apiVersion: era.dev/v1
            kind: Deployment
            metadata:
              name: \(name)
            spec:
              version: "\(version)"
              runtime: {plugin: process}
              command: [run, "\(version)"]
              ports: [{name: main, port: \(Self.portBase + index)}]
              retry: {limit: 3, initialDelay: 1s, maxDelay: 10s}
              restart: {initialDelay: 1s, maxDelay: 20s}
              update: {progressDeadline: 2m, bakeSeconds: 5}
              volumes: [{name: state, mountPath: state, persistent: {}}]

            """
        if behaviour == .missing {
            text +=
                "  artifact: {source: \"https://simulated.invalid/missing\", digest: \"\(Self.digest)\"}\n"
        } else if index % 2 == 0 {
            text += "  artifact: {source: \"https://simulated.invalid/blob\", digest: \"\(Self.digest)\"}\n"
        }
        if hasProbe {
            text += "  health: {liveness: {tcpSocket: {port: main}, periodSeconds: 2, failureThreshold: 2}}\n"
        }
        if let dependsOn { text += "  dependsOn: [{name: app-\(dependsOn)}]\n" }
        return text
    }

    private static let digest = "sha256:" + String(repeating: "ab", count: 32)
}
