/// What a declaration means for a deployment that may be known already.
public enum DeclarationChange: Hashable, Sendable {
    /// Nothing differs.
    case unchanged
    /// Note this fact.
    case declare(JournalEvent.Kind)
    /// The deployment is being deleted: declare it again when that is done.
    case afterDeletion
}

extension DeploymentRecord {
    /// Compares a declaration with what was declared before.
    ///
    /// A new generation begins with each change of the spec; a new revision only where the
    /// template differs from that of every revision that is remembered. Labels, annotations and
    /// the place of the manifest change neither.
    /// - Parameter templateHash: Of the canonical form of `deployment.spec.template`.
    /// - Parameter uid: For a deployment that was not known, or had been deleted.
    /// - Parameter firstRevision: The number of the first revision of a deployment that is not known: where
    ///   its record was lost, that of the instance to take over, or one that no instance has.
    public static func change(
        of record: DeploymentRecord?,
        to deployment: Deployment,
        templateHash: Digest,
        origin: Origin,
        uid: String,
        firstRevision: RevisionNumber = RevisionNumber(1),
        at now: WallTime
    ) -> DeclarationChange {
        func revision(_ number: RevisionNumber) -> Revision {
            Revision(
                number: number,
                templateHash: templateHash,
                spec: deployment.spec,
                createdAt: now
            )
        }
        guard let record else {
            return .declare(founding(deployment, revision(firstRevision), origin, uid: uid))
        }
        switch record.state {
        case .stopping, .uninstalling:
            return .afterDeletion
        case .deleted:
            return .declare(founding(deployment, revision(record.newestRevision.next), origin, uid: uid))
        case .requested, .validating, .fetching, .preparing, .installing, .activating, .healthChecking,
            .running, .updating, .rollingBack, .failed, .rollbackFailed:
            break
        }
        let earlier = record.declaration
        guard earlier.deployment != deployment || earlier.origin != origin else { return .unchanged }
        let isNewSpec = earlier.deployment.spec != deployment.spec
        let known = record.revisions.values.filter { $0.templateHash == templateHash }.map(\.number).max()
        let new = known == nil ? revision(record.newestRevision.next) : nil
        let declaration = Declaration(
            generation: isNewSpec ? earlier.generation + 1 : earlier.generation,
            revision: known ?? record.newestRevision.next,
            deployment: deployment,
            origin: origin
        )
        return .declare(.declared(declaration, revision: new, uid: record.uid))
    }

    private static func founding(
        _ deployment: Deployment,
        _ revision: Revision,
        _ origin: Origin,
        uid: String
    ) -> JournalEvent.Kind {
        let declaration = Declaration(
            generation: 1,
            revision: revision.number,
            deployment: deployment,
            origin: origin
        )
        return .declared(declaration, revision: revision, uid: uid)
    }
}
