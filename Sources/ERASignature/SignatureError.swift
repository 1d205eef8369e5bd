/// Why no verdict was given: an artifact of which this is thrown must not be used.
///
/// All of these are permanent: asked again with the same bytes, the answer is the same.
public enum SignatureError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The bytes are longer than any honest ones.
    case tooLarge(subject: String, size: Int, limit: Int)
    /// The bytes do not have the form that their tool gives them.
    case malformed(subject: String, problem: String, advice: String)
    /// The form is known, and not accepted here.
    case unsupported(subject: String, problem: String, advice: String)
    /// No key was given to verify with.
    case noKey(subject: String)
    /// Made by a key that is not one of those trusted; both sides as the tool prints them.
    case unknownKey(subject: String, signer: String, trusted: [String])
    /// The key is trusted, and did not sign these bytes.
    case wrongSignature(subject: String, key: String, advice: String)
    /// An SSH signature that was made for another purpose.
    case wrongNamespace(found: String)
    /// What was signed speaks of another artifact.
    case otherArtifact(subject: String, signed: String, expected: String)
    /// What the manifest asks for and what the trust policy allows have nothing in common.
    case refusedByPolicy(subject: String, problem: String, advice: String)
    /// The library that hashes did not start.
    case hashUnavailable

    public var description: String {
        switch self {
        case .tooLarge(let subject, let size, let limit):
            "cannot read \(subject): it has \(size) bytes, more than \(limit); "
                + "check that it is the signature or key and not the artifact"
        case .malformed(let subject, let problem, let advice),
            .unsupported(let subject, let problem, let advice):
            "cannot read \(subject): \(problem); \(advice)"
        case .noKey(let subject):
            "cannot verify \(subject): there is no key for it; "
                + "give one in artifact.signature or in the trust policy"
        case .unknownKey(let subject, let signer, let trusted):
            "cannot verify \(subject): it was made by \(signer), trusted is \(trusted.joined(separator: ", ")); "
                + "add that key if you trust it, or sign with a trusted one"
        case .wrongSignature(let subject, let key, let advice):
            "cannot verify \(subject): it is not by \(key) over these bytes; \(advice)"
        case .wrongNamespace(let found):
            "cannot verify the ssh signature: its namespace is \(shown(found)), not \"era\"; "
                + "sign with: ssh-keygen -Y sign -n era"
        case .otherArtifact(let subject, let signed, let expected):
            "cannot verify \(subject): it is for \(signed), not for \(expected); "
                + "take the signature that belongs to this artifact"
        case .refusedByPolicy(let subject, let problem, let advice):
            "cannot accept the signature settings of \(subject): \(problem); \(advice)"
        case .hashUnavailable:
            "cannot hash the artifact: libsodium does not start; check that the host has a random source"
        }
    }
}

/// How many bytes of a foreign text an error repeats.
let shownTextLimit = 128

/// A text of others in quotation marks, without control characters and not longer than
/// ``shownTextLimit``.
func shown(_ text: String) -> String {
    let scalars = text.unicodeScalars.prefix(shownTextLimit)
    var result = "\""
    for scalar in scalars { result += scalar.escaped(asASCII: true) }
    return result + (text.unicodeScalars.count > shownTextLimit ? "…\"" : "\"")
}
