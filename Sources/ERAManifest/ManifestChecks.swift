public import ERACore

/// What somebody checks of manifests who knows more than their form: given to who reads them.
public struct ManifestChecks: Sendable {
    /// What is wrong with the text of a public key and what to do; nil where it is one of that tool.
    public var publicKey: @Sendable (_ text: String, _ type: SignatureSpec.Kind) -> String?

    public init(publicKey: @escaping @Sendable (_ text: String, _ type: SignatureSpec.Kind) -> String?) {
        self.publicKey = publicKey
    }

    /// The form alone counts.
    public static let none = ManifestChecks { _, _ in nil }
}
