/// Names that both ends of the API write.
public enum APIGroup {
    /// The group of ERA's own resources.
    public static let name = "era.dev"
    /// Group and version, as in `apiVersion`.
    public static let apiVersion = "era.dev/v1"
    /// The kind of the one resource that can be written.
    public static let kind = "Deployment"
    /// Its plural, as in addresses and in errors.
    public static let plural = "deployments"
    /// The address below which ERA's resources are.
    public static let root = "/apis/era.dev/v1"
    /// The manager that fields set by the daemon or by `era` belong to.
    public static let fieldManager = "era"
    /// The annotation of the bookmark that ends the initial events of a watch
    /// (Kubernetes 1.27, "streaming lists").
    public static let initialEventsEnd = "k8s.io/initial-events-end"
    /// The response header that says what an apply changed: an ``AppliedObject/Effect``.
    public static let effectHeader = "Era-Effect"
}
