import ERACore

/// What there is to know about manifests without having one.
public enum ManifestSchema {
    /// The version of the format.
    public static let apiVersion = "era.dev/v1"
    /// The only kind of object.
    public static let kind = "Deployment"

    /// The schema; everything else in this module comes from it.
    static var root: SchemaType { DeploymentFields.deployment.type }
}
