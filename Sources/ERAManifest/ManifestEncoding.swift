public import ERACore

/// Writes deployments as the objects that manifests hold.
public enum ManifestEncoding {
    /// `apiVersion`, `kind`, `metadata` and `spec`; reading it gives an equal deployment.
    /// - Parameter includingDefaults: Whether fields at their defaults are written, too; empty lists and maps
    ///   never are.
    public static func object(_ deployment: Deployment, includingDefaults: Bool) -> JSONValue {
        DeploymentFields.deployment.write(deployment, includingDefaults ? .include : .leaveOut)
    }

    /// What stands below `spec`.
    public static func spec(_ spec: DeploymentSpec, includingDefaults: Bool) -> JSONValue {
        DeploymentFields.spec.write(spec, includingDefaults ? .include : .leaveOut)
    }
}
