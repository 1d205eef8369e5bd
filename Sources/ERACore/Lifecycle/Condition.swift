/// One answer about a deployment, readable by kubectl, kstatus, Flux and Argo CD.
///
/// Source: Kubernetes `metav1.Condition`; kstatus for `Reconciling` and `Stalled`.
public struct Condition: Hashable, Sendable, Codable {
    public enum Kind: String, Hashable, Sendable, Codable, CaseIterable {
        /// Available and Synced.
        case ready = "Ready"
        /// Some revision is healthy and serving.
        case available = "Available"
        /// What serves is what is declared.
        case synced = "Synced"
        case reconciling = "Reconciling"
        case stalled = "Stalled"
        /// The host gives the instance less than was asked for (limits without cgroups, say). Of the
        /// instance, not of the record, and there only while it holds.
        case restricted = "Restricted"
    }

    public var kind: Kind
    public var isTrue: Bool
    /// One CamelCase word.
    public var reason: String
    public var message: String
    public var observedGeneration: Int
    public var lastTransitionAt: WallTime

    public init(
        kind: Kind,
        isTrue: Bool,
        reason: String,
        message: String,
        observedGeneration: Int,
        lastTransitionAt: WallTime
    ) {
        self.kind = kind
        self.isTrue = isTrue
        self.reason = reason
        self.message = message
        self.observedGeneration = observedGeneration
        self.lastTransitionAt = lastTransitionAt
    }
}
