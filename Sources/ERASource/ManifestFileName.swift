/// Whether a file of this name is a manifest: `*.yaml`, `*.yml` and
/// `*.json`, and nothing that an editor leaves.
///
/// The ending excludes `x~`, `4913`, `x.bak`, `.x.swp` and `#x#`; the first character `.x`, `.#x` and `._x`.
func isManifestName(_ name: some StringProtocol) -> Bool {
    guard !isHidden(name) else { return false }
    return [".yaml", ".yml", ".json"].contains { name.utf8.count > $0.utf8.count && name.hasSuffix($0) }
}

/// Whether a scan passes by whatever has this name.
func isHidden(_ name: some StringProtocol) -> Bool { name.hasPrefix(".") }

/// Whether an entry of this name can be what manifests are reached through: the `..data` of a Kubernetes
/// ConfigMap volume, which is replaced to change all files at once.
func isIndirection(_ name: some StringProtocol) -> Bool { name.hasPrefix("..") }
