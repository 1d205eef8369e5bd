public import ERACore

/// That a revision of a deployment keeps a content in the store.
public struct ArtifactUse: Hashable, Sendable {
    /// Why a deployment keeps a revision.
    public enum Role: String, Hashable, Sendable, CaseIterable {
        /// It is what serves, or is being brought about.
        case current
        /// A rollback goes there.
        case previous
        /// It is on disk, or can be gone back to by hand.
        case history
    }

    public var digest: Digest
    public var key: DeploymentKey
    public var role: Role

    public init(digest: Digest, key: DeploymentKey, role: Role) {
        self.digest = digest
        self.key = key
        self.role = role
    }
}

extension DeploymentRecord {
    /// What must stay in the content store for this deployment, each content once, by digest.
    public var artifactUses: [ArtifactUse] {
        guard phase != .deleted else { return [] }
        var roles: [Digest: ArtifactUse.Role] = [:]
        func keep(_ digest: Digest, _ role: ArtifactUse.Role) {
            let order = ArtifactUse.Role.allCases
            let present = roles[digest].flatMap(order.firstIndex(of:)) ?? order.endIndex
            if order.firstIndex(of: role) ?? order.endIndex < present { roles[digest] = role }
        }
        for (revision, artifact) in artifacts {
            let role = role(of: revision)
            keep(artifact.digest, role)
            for digest in artifact.signature?.evidence ?? [] { keep(digest, role) }
        }
        for revision in onDisk {
            if let digest = revisions[revision]?.spec.artifact?.digest { keep(digest, role(of: revision)) }
        }
        return roles.map { ArtifactUse(digest: $0.key, key: key, role: $0.value) }
            .sorted { $0.digest < $1.digest }
    }

    private func role(of revision: RevisionNumber) -> ArtifactUse.Role {
        if revision == target || revision == servedRevision { return .current }
        return revision == previous ? .previous : .history
    }
}
