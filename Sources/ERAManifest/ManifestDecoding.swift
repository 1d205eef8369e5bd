public import ERACore

/// Reads deployments that come as JSON, through the API.
public enum ManifestDecoding {
    /// The deployment that an object declares, or what is wrong with it.
    ///
    /// What only a server sets (`status`, `metadata.uid` and its like) is accepted and not used.
    /// - Parameter ignoringUnknown: Whether fields that the schema does not know are passed over instead of
    ///   refused.
    /// - Returns: A deployment without problems, or no deployment and at least one problem, at most
    ///   ``ManifestLimits/diagnosticLimit``.
    public static func deployment(
        from object: JSONValue,
        ignoringUnknown: Bool = false
    ) -> (deployment: Deployment?, problems: [FieldProblem]) {
        var reading = Reading(
            unknownFields: ignoringUnknown ? .ignore : .refuse,
            warnsOfServerFields: false
        )
        let deployment = DeploymentFields.deployment.read(YAMLNode(object), &reading)
        let problems = reading.findings.map {
            FieldProblem(field: $0.field.description, message: $0.message, kind: $0.kind)
        }
        return (problems.isEmpty ? deployment : nil, problems)
    }

    /// The paths of the fields that the schema does not know: what `ignoringUnknown` passes over.
    public static func unknownFields(of object: JSONValue) -> [String] {
        deployment(from: object).problems.filter { $0.kind == .unknown }.map(\.field)
    }
}
