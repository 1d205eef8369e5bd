/// The path of an archive's entry: relative, without `.` and `..`, within the limits.
struct EntryPath: Hashable {
    /// At least one.
    let components: [String]

    var text: String { components.joined(separator: "/") }
    var name: String { components[components.count - 1] }
    var parent: ArraySlice<String> { components.dropLast() }

    /// Nil for the archive's root itself (`.`, `./`).
    ///
    /// - Throws: ``UnsafeArchive`` for an absolute path, a `..`, an empty one, or one beyond the limits.
    init?(_ text: String, _ limits: ArchiveLimits) throws {
        guard !text.isEmpty else { throw UnsafeArchive("an entry has an empty name") }
        guard text.utf8.count <= limits.pathLengthLimit else {
            throw UnsafeArchive("a path is longer than \(limits.pathLengthLimit) bytes")
        }
        guard !text.hasPrefix("/") else { throw UnsafeArchive("the path \"\(text)\" is absolute") }
        let parts = text.split(separator: "/").filter { $0 != "." }.map(String.init)
        guard !parts.contains("..") else {
            throw UnsafeArchive("the path \"\(text)\" leaves the archive with ..")
        }
        guard parts.count <= limits.depthLimit else {
            throw UnsafeArchive("a path is deeper than \(limits.depthLimit) directories")
        }
        guard parts.allSatisfy({ $0.utf8.count <= 255 }) else {
            throw UnsafeArchive("a name in the path is longer than 255 bytes")
        }
        if parts.isEmpty { return nil }
        components = parts
    }
}
