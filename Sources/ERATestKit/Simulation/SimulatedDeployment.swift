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
    var hasExecProbe = false
    var dependsOn: Int?
    var progressDeadline = "2m"

    var name: String { "app-\(index)" }

    var key: DeploymentKey {
        DeploymentKey(namespace: NamespaceName(checked: namespace), name: DeploymentName(checked: name))
    }

    /// Every fourth lives elsewhere, so that dependencies cross namespaces.
    var namespace: String { index % 4 == 3 ? "elsewhere" : "default" }

    var version: String { "1.\(minor).\(behaviour.rawValue)" }

    /// The manifest as a user writes it.
    var manifest: String {
        var text = """
            apiVersion: era.dev/v1
            kind: Deployment
            metadata:
              name: \(name)
              namespace: \(namespace)
            spec:
              version: "\(version)"
              runtime: {plugin: process}
              command: [run, "\(version)"]
              ports: [{name: main, port: \(Self.portBase + index)}]
              retry: {limit: 3, initialDelay: 1s, maxDelay: 10s}
              restart: {initialDelay: 1s, maxDelay: 20s}
              update: {progressDeadline: \(progressDeadline), bakeSeconds: 5}
              volumes: [{name: state, mountPath: state, persistent: {}}]

            """
        if behaviour == .missing {
            text +=
                "  artifact: {source: \"https://simulated.invalid/missing\", digest: \"\(digest)\"}\n"
        } else if index % 2 == 0 {
            text += "  artifact: {source: \"https://simulated.invalid/blob\", digest: \"\(digest)\"}\n"
        }
        var probes: [String] = []
        if hasProbe {
            probes.append("liveness: {tcpSocket: {port: main}, periodSeconds: 2, failureThreshold: 2}")
        }
        if hasExecProbe {
            probes.append("readiness: {exec: {command: [\"true\"]}, periodSeconds: 2}")
        }
        if behaviour == .neverReady {
            probes.append("startup: {tcpSocket: {port: main}, periodSeconds: 20, failureThreshold: 1000}")
        }
        if !probes.isEmpty { text += "  health: {\(probes.joined(separator: ", "))}\n" }
        if let dependsOn {
            let other = SimulatedDeployment(index: dependsOn)
            text += "  dependsOn: [{name: \(other.name), namespace: \(other.namespace)}]\n"
        }
        return text
    }

    /// Another one for each version.
    private var digest: String {
        let number = String(index * 1000 + Int(minor))
        return "sha256:" + String(repeating: "0", count: 64 - number.count) + number
    }
}
