import ERAAPI
import ERACore

@testable import era

/// Deployments as a daemon would answer them.
enum Samples {
    /// 2026-01-02T03:04:05Z
    static let start = WallTime(sinceEpoch: .seconds(1_767_323_045))

    static func later(_ seconds: Int) -> WallTime {
        WallTime(sinceEpoch: start.sinceEpoch + .seconds(seconds))
    }

    static func object(
        _ name: String = "web",
        namespace: String = "default",
        phase: String = "Running",
        isReady: Bool = true,
        spec: JSONValue = Samples.spec(),
        status more: [String: JSONValue] = [:]
    ) throws -> DeploymentObject {
        var status: [String: JSONValue] = [
            "phase": .string(phase), "revision": 1,
            "conditions": [
                [
                    "type": "Ready", "status": .string(isReady ? "True" : "False"), "reason": "Because",
                    "message": "", "observedGeneration": 1, "lastTransitionTime": .string(start.rfc3339),
                ]
            ],
        ]
        status.merge(more) { _, new in new }
        return try DeploymentObject([
            "apiVersion": "era.dev/v1", "kind": "Deployment",
            "metadata": [
                "name": .string(name), "namespace": .string(namespace),
                "creationTimestamp": .string(start.rfc3339),
            ],
            "spec": spec, "status": .object(status),
        ])
    }

    static func spec(version: String = "1.0.0", command: String = "bin/web") -> JSONValue {
        [
            "version": .string(version), "runtime": ["plugin": "process"], "command": [.string(command)],
        ]
    }

    static let plain = Style(usesColour: false)
    static let narrow = DeploymentRow.Columns(showsNamespace: false)
}
