import ERAContracts

/// What a commit has in one directory: git's listing, read strictly.
struct GitTree: Equatable {
    /// A file that is read.
    struct Blob: Equatable {
        /// Relative to the directory.
        let path: String
        let object: String
        let size: Int
    }

    private(set) var blobs: [Blob] = []
    /// Files that cannot be used: path, and why.
    private(set) var refused: [(path: String, why: String)] = []

    static func == (left: Self, right: Self) -> Bool {
        left.blobs == right.blobs && left.refused.elementsEqual(right.refused, by: ==)
    }

    /// - Parameters:
    ///   - listing: Of `git ls-tree -r -z -l`: `MODE TYPE OBJECT SIZE<TAB>PATH<NUL>`.
    ///   - limits: Of the source.
    /// - Throws: ``SourceUnavailable`` where a part of it would be a lie.
    init(listing: [UInt8], limits: GitSource.Limits) throws(SourceUnavailable) {
        var total = 0
        for entry in listing.split(separator: 0) {
            guard let tab = entry.firstIndex(of: UInt8(ascii: "\t")) else {
                throw SourceUnavailable("git ls-tree says what makes no sense")
            }
            let words = entry[..<tab].split(separator: UInt8(ascii: " ")).map {
                String(decoding: $0, as: UTF8.self)
            }
            guard words.count == 4 else { throw SourceUnavailable("git ls-tree says what makes no sense") }
            guard let path = String(validating: entry[(tab + 1)...], as: UTF8.self) else { continue }
            guard Self.isManifest(path) else { continue }
            guard blobs.count + refused.count < limits.files else {
                throw SourceUnavailable("there are more than \(limits.files) manifests; split the source")
            }
            if words[0] == "120000" {
                refused.append((path, "it is a symbolic link; put the file itself here"))
            } else if words[1] == "blob", let size = Int(words[3]) {
                guard size <= limits.fileSize else {
                    refused.append((path, "it is larger than \(limits.fileSize) bytes; split it"))
                    continue
                }
                total += size
                guard total <= limits.totalSize else {
                    throw SourceUnavailable(
                        "its manifests have more than \(limits.totalSize) bytes; split the source"
                    )
                }
                blobs.append(Blob(path: path, object: words[2], size: size))
            }
        }
    }

    private static func isManifest(_ path: String) -> Bool {
        let components = path.split(separator: "/")
        guard let name = components.last else { return false }
        return isManifestName(name) && !components.dropLast().contains { isHidden($0) }
    }

    /// What is asked of `git cat-file --batch`.
    var request: [UInt8] { blobs.flatMap { Array("\($0.object)\n".utf8) } }

    /// The files, from the answer: `OBJECT blob SIZE<LF>BYTES<LF>` for each.
    ///
    /// - Throws: ``SourceUnavailable`` when it is not that.
    func files(_ answer: [UInt8]) throws(SourceUnavailable) -> [SourceFile] {
        var files = refused.map { SourceFile(path: $0.path, content: .unreadable($0.why)) }
        var rest = answer[...]
        for blob in blobs {
            let head = Array("\(blob.object) blob \(blob.size)\n".utf8)
            guard rest.starts(with: head), rest.count >= head.count + blob.size + 1 else {
                throw SourceUnavailable("git cat-file does not give \(blob.path) as it is listed")
            }
            rest = rest.dropFirst(head.count)
            files.append(SourceFile(path: blob.path, content: .bytes(Array(rest.prefix(blob.size)))))
            rest = rest.dropFirst(blob.size + 1)
        }
        return files.sorted { $0.path < $1.path }
    }
}
