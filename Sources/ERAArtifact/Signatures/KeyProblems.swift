public import ERACore
import ERAContracts
import ERASignature

/// What is wrong with public keys that stand in a manifest themselves: known before anything is fetched.
public enum KeyProblems {
    /// - Returns: What is wrong with the text of a key and what to do; nil where it is one of that tool.
    public static func problem(of text: String, _ type: SignatureSpec.Kind) -> String? {
        do throws(SignatureError) {
            _ = try PublicKey(text, scheme: type)
            return nil
        } catch {
            return error.description
        }
    }

    /// - Returns: One for each key that is none, with its field below the document.
    static func problems(of signature: SignatureSpec?) -> [SpecProblem] {
        guard let signature else { return [] }
        let isOnly = signature.keys.count == 1
        return signature.keys.enumerated().compactMap { index, key in
            guard case .text(let text) = key, let problem = problem(of: text, signature.type) else {
                return nil
            }
            let field = isOnly ? "publicKey" : "keys[\(index)].publicKey"
            return SpecProblem(field: "spec.artifact.signature.\(field)", message: problem)
        }
    }
}
