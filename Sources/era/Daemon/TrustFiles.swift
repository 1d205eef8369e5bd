import ArgumentParser
import ERAArtifact
import ERACore
import ERAManifest
import ERASource

/// Where it is said who may sign artifacts.
struct TrustOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Which artifacts must be signed, and by whom (ERA_TRUST_POLICY).",
            valueName: "file"
        ),
        completion: .file()
    )
    var trustPolicy: String?

    var files: TrustFiles { TrustFiles(policyPath: trustPolicy.map(Composition.absolute)) }
}

/// The trust policy and the files of keys, read anew each time somebody asks.
struct TrustFiles: Sendable {
    /// The longest file of a key, in bytes.
    static let keySizeLimit = 16 << 10

    /// Absolute; nil for no policy.
    let policyPath: String?

    var source: TrustSource { TrustSource(policy: policy, keyText: keyText) }

    /// - Throws: `Failure`, transient: the file may be mended without anybody touching a manifest.
    func policy() throws -> TrustPolicy {
        guard let path = policyPath else { return .none }
        let file = TrustPolicyFile(
            reading: try read(path, "the trust policy", limit: ManifestLimits.fileSizeLimit),
            file: path
        )
        guard let policy = file.policy else {
            let problems = file.diagnostics.map(\.summary).joined(separator: "; ")
            throw Failure.transient(.trustPolicyInvalid, "the trust policy is wrong: \(problems)")
        }
        return policy
    }

    private func keyText(_ path: String) throws -> String {
        let bytes = try read(path, "the key", limit: Self.keySizeLimit)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Failure.transient(.trustPolicyInvalid, "the key \(path) is not a text; name a public key")
        }
        return text
    }

    private func read(_ path: String, _ what: String, limit: Int) throws -> [UInt8] {
        do throws(TrustedFile.Problem) {
            return try TrustedFile.read(path, limit: limit)
        } catch {
            throw Failure.transient(.trustPolicyInvalid, "\(what) \(path) \(error)")
        }
    }

    /// What `era doctor` says of the policy and its keys; nothing where there is no policy.
    var findings: [Finding] {
        guard let path = policyPath else { return [] }
        do {
            let keys = try source.keys()
            let names = keys.isEmpty ? "no keys" : keys.joined(separator: ", ")
            return [.good("trust", "\(path): \(names)")]
        } catch {
            return [.problem("trust", (error as? Failure)?.message ?? "\(error)")]
        }
    }
}
