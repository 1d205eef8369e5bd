import Crypto
import ERACore
import ERAManifest

/// Names the content of a spec's template: of its canonical JSON.
func templateHash(of spec: DeploymentSpec) -> ERACore.Digest {
    let text = ManifestEncoding.spec(spec.template, includingDefaults: true).canonicalText
    return ERACore.Digest(.sha256, bytes: SHA256.hash(data: Array(text.utf8)))
}
