import ERACore

/// The symbolic links of an archive: collected while it is read, judged
/// and made when everything else is there.
///
/// Until then the tree holds no link at all, so that nothing can be written through one.
struct LinkTable {
    /// The most links that are followed one after the other. Source: Linux, MAXSYMLINKS.
    static let hopLimit = 40

    private(set) var targets: [EntryPath: String] = [:]
    private var textSize: Int64 = 0

    var isEmpty: Bool { targets.isEmpty }

    /// - Throws: ``UnsafeArchive`` for a second link of that path, or a target or a sum beyond the limits.
    mutating func add(_ path: EntryPath, target: String, _ limits: ArchiveLimits) throws {
        guard !target.isEmpty, target.utf8.count <= limits.pathLengthLimit else {
            throw UnsafeArchive("the link \"\(path.text)\" leads to an empty or overlong path")
        }
        guard !target.hasPrefix("/") else {
            throw UnsafeArchive("the link \"\(path.text)\" leads to the absolute path \"\(target)\"")
        }
        textSize += Int64(path.text.utf8.count + target.utf8.count)
        guard textSize <= limits.linkTextLimit.bytes else {
            throw UnsafeArchive("it holds too many symbolic links")
        }
        guard targets.updateValue(target, forKey: path) == nil else {
            throw UnsafeArchive("\"\(path.text)\" is there twice")
        }
    }

    /// Refuses a path that is a link, or leads through one.
    ///
    /// - Throws: ``UnsafeArchive``.
    func refuse(_ path: EntryPath, _ limits: ArchiveLimits) throws {
        guard !targets.isEmpty else { return }
        var prefix = ""
        for component in path.components {
            prefix += prefix.isEmpty ? component : "/" + component
            if let link = try EntryPath(prefix, limits), targets[link] != nil {
                throw UnsafeArchive(
                    prefix == path.text
                        ? "\"\(prefix)\" is there twice"
                        : "\"\(path.text)\" leads through the link \"\(prefix)\""
                )
            }
        }
    }

    /// Follows each link as the kernel would, through the others, and refuses those that leave the root
    /// or never end. One that leads to nothing is fine.
    ///
    /// - Throws: ``UnsafeArchive``.
    func refuseEscapes() throws {
        let byComponents = Dictionary(
            uniqueKeysWithValues: targets.map { ($0.key.components, $0.value) }
        )
        for (path, target) in targets {
            var place = Array(path.parent)
            var rest = Array(target.split(separator: "/").map(String.init).reversed())
            var hops = 0
            while let component = rest.popLast() {
                switch component {
                case ".": continue
                case "..":
                    guard place.popLast() != nil else {
                        throw UnsafeArchive(
                            "the link \"\(path.text)\" leads out of the archive (\"\(target)\")"
                        )
                    }
                default:
                    place.append(component)
                    guard let next = byComponents[place] else { continue }
                    hops += 1
                    guard hops <= Self.hopLimit else {
                        throw UnsafeArchive("the link \"\(path.text)\" leads in a circle")
                    }
                    place.removeLast()
                    rest.append(contentsOf: next.split(separator: "/").map(String.init).reversed())
                }
            }
        }
    }
}
