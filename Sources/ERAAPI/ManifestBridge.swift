import ERAContracts
import ERACore
import ERAManifest

/// The one place where objects of the API become deployments and back.
enum ManifestBridge {
    /// What an object declares.
    struct Reading {
        /// Nil where there are problems.
        var deployment: Deployment?
        /// What is wrong, unknown fields apart.
        var problems: [SpecProblem]
        /// The paths of fields that the schema does not know.
        var unknownFields: [String]
    }

    /// `spec`, with defaults.
    static func spec(of deployment: Deployment) -> JSONValue {
        ManifestEncoding.spec(deployment.spec, includingDefaults: true)
    }

    static func read(_ object: JSONValue) -> Reading {
        let (deployment, problems) = ManifestDecoding.deployment(from: object, ignoringUnknown: true)
        return Reading(
            deployment: deployment,
            problems: problems.map { SpecProblem(field: $0.field, message: $0.message) },
            unknownFields: ManifestDecoding.unknownFields(of: object)
        )
    }
}
