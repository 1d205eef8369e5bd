/// What an entry of a layer's archive asks for, by its name.
///
/// Source: OCI image specification 1.1, "Image Layer Filesystem Changeset", Whiteouts.
enum LayerEntry: Hashable {
    /// The root directory itself.
    case root
    /// Something that is to be there afterwards.
    case content(EntryPath)
    /// What the lower layers have at this path is to go.
    case whiteout(EntryPath)
    /// All that the lower layers have in this directory is to go; nil for the root.
    case opaque(EntryPath?)
    /// Records of aufs' own, which mean nothing to others.
    case ignored

    static let whiteoutPrefix = ".wh."
    static let auxiliaryPrefix = ".wh..wh."
    static let opaqueName = ".wh..wh..opq"

    /// - Throws: ``UnsafeArchive`` for a path that ``EntryPath`` refuses, and for a whiteout of nothing, or
    ///   of what could not be named.
    init(_ text: String, _ limits: ArchiveLimits) throws {
        // Archives that were made with `tar -P` begin at the root, which is this one.
        let relative = String(text.drop { $0 == "/" })
        guard let path = try EntryPath(text.isEmpty || !relative.isEmpty ? relative : ".", limits) else {
            self = .root
            return
        }
        let parent = path.parent.joined(separator: "/")
        if path.components.contains(where: { $0.hasPrefix(Self.auxiliaryPrefix) && $0 != Self.opaqueName }) {
            self = .ignored
            return
        }
        guard !path.parent.contains(where: { $0.hasPrefix(Self.whiteoutPrefix) }) else {
            throw UnsafeArchive("\"\(path.text)\" is in a directory that says what is gone")
        }
        guard path.name.hasPrefix(Self.whiteoutPrefix) else {
            self = .content(path)
            return
        }
        guard path.name != Self.opaqueName else {
            self = .opaque(parent.isEmpty ? nil : try EntryPath(parent, limits))
            return
        }
        let name = String(path.name.dropFirst(Self.whiteoutPrefix.count))
        guard !name.isEmpty, name != ".", name != "..",
            let gone = try EntryPath(parent.isEmpty ? name : "\(parent)/\(name)", limits)
        else { throw UnsafeArchive("\"\(path.text)\" says that nothing is gone") }
        self = .whiteout(gone)
    }
}
