/// Old releases have good signatures, too: what keeps them from being installed again.
extension DeploymentRecord {
    /// Why the artifact that was fetched for a revision must not be installed; nil where it may.
    ///
    /// Only the declared revision is held to it: what a rollback goes back to was installed once, and a
    /// failure or a person decides for it.
    public func downgrade(to artifact: StoredArtifact, for revision: RevisionNumber) -> Failure? {
        guard let floor = signedFloor, let signature = artifact.signature, revision == declaration.revision,
            !allowsDowngrade(revision)
        else { return nil }
        let advice = "set artifact.signature.allowDowngrade to install it all the same"
        guard let version = signature.version else {
            return .permanent(
                .downgradeRefused,
                "the signature says no version, and one of version \(floor) was installed; sign it with its "
                    + "version, or " + advice
            )
        }
        guard version.precedes(floor) else { return nil }
        return .permanent(
            .downgradeRefused,
            "the signature says version \(version), and version \(floor) was installed; " + advice
        )
    }

    /// The revision is proven. Only the declared one may lower the mark, where its manifest allows that.
    mutating func raiseSignedFloor(_ revision: RevisionNumber) {
        guard let signature = artifacts[revision]?.signature else { return }
        if revision == declaration.revision, allowsDowngrade(revision) {
            signedFloor = signature.version
            return
        }
        guard let version = signature.version else { return }
        if let floor = signedFloor, !floor.precedes(version) { return }
        signedFloor = version
    }

    private func allowsDowngrade(_ revision: RevisionNumber) -> Bool {
        revisions[revision]?.spec.artifact?.signature?.allowDowngrade == true
    }
}
