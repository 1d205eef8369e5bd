import ERACore
import Synchronization

/// The JSON of specs as it was last made: a list makes that of every deployment, and hardly any has changed.
///
/// What is kept is used only for a spec that equals the one it was made of.
/// A class, since all answers share it.
package final class SpecCache: Sendable {
    /// More deployments than a daemon is meant for; beyond, all begins anew.
    private static let entryLimit = 4096

    private let specs = Mutex<[DeploymentKey: (spec: DeploymentSpec, json: JSONValue)]>([:])

    package init() {}

    /// `spec` of the deployment, with defaults.
    func json(of deployment: Deployment, _ key: DeploymentKey) -> JSONValue {
        if let known = specs.withLock({ $0[key] }), known.spec == deployment.spec { return known.json }
        let json = ManifestBridge.spec(of: deployment)
        specs.withLock { specs in
            if specs.count >= Self.entryLimit { specs = [:] }
            specs[key] = (deployment.spec, json)
        }
        return json
    }
}
