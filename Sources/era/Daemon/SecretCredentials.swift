import ERAArtifact
import ERACore
import ERARuntime

/// Credentials for downloads, from the directory of secrets.
struct SecretCredentials: Sendable {
    let workspace: LocalWorkspace

    /// - Throws: `Failure`: the secret is missing, or is no credentials.
    func credentials(_ name: PartName, in namespace: NamespaceName) async throws -> Credentials? {
        try Credentials(secret: try await workspace.secret(name, in: namespace), named: name)
    }
}
