import ERACore
import ERAManifest
import ERAOCI

/// What the contents of a layout are called: its `index.json`.
///
/// Source: OCI image specification 1.1, "Image Layout", index.json file.
struct LayoutIndex: Equatable {
    /// The annotation that names an entry.
    static let nameAnnotation = "org.opencontainers.image.ref.name"
    /// Where containerd, and whoever exports like it, writes the whole name.
    static let wholeNameAnnotation = "io.containerd.image.name"
    /// Bytes of the text.
    static let sizeLimit = OCILimits.manifestSizeLimit
    /// Entries in all.
    static let entryLimit = OCILimits.entryLimit

    /// One content with its name, if it has one.
    struct Entry: Equatable {
        /// All that stands there, what ERA does not understand included.
        let json: JSONValue
        let descriptor: ContentDescriptor

        var name: String? { descriptor.annotations[LayoutIndex.nameAnnotation] }
        /// What it is called as a whole; nil for half a name, such as a bare tag.
        var reference: ImageReference? {
            let names = [LayoutIndex.wholeNameAnnotation, LayoutIndex.nameAnnotation]
            return names.lazy.compactMap { descriptor.annotations[$0].flatMap(LayoutIndex.reference) }.first
        }
    }

    private(set) var entries: [Entry]
    /// The other members of the index, which stay as they are.
    private let others: [String: JSONValue]

    /// - Throws: ``OCIError`` for what is no index, and for one above its limits.
    init(_ text: [UInt8]) throws(OCIError) {
        guard case .index(let index) = try ManifestDocument(text) else {
            throw .malformed("it is no index of an image layout")
        }
        let value: JSONValue
        do throws(JSONSyntaxError) {
            value = try JSONValue(jsonText: text, nodeLimit: OCILimits.nodeLimit)
        } catch { throw .malformed("\(error)") }
        guard case .object(let members) = value, case .array(let elements)? = members["manifests"],
            elements.count == index.manifests.count
        else { throw .malformed("it is no index of an image layout") }
        entries = zip(elements, index.manifests).map { Entry(json: $0, descriptor: $1) }
        others = members.filter { $0.key != "manifests" }
    }

    /// One without entries.
    init() {
        entries = []
        others = ["schemaVersion": 2, "mediaType": .string(MediaType.imageIndex.rawValue)]
    }

    /// As it is written to the disk.
    var text: [UInt8] {
        var members = others
        members["manifests"] = .array(entries.map(\.json))
        return JSONValue.object(members).utf8Text(pretty: false) + [UInt8(ascii: "\n")]
    }

    /// A name that says everything: host, repository and tag, and no digest.
    static func reference(_ name: String) -> ImageReference? {
        // Whatever cannot be read is no whole name.
        guard let reference = try? ImageReference(name), reference.digest == nil,
            reference.description == name
        else { return nil }
        return reference
    }

    /// What a tag stands for here; nil where it has no name.
    func descriptor(named reference: ImageReference) -> ContentDescriptor? {
        guard reference.digest == nil else { return nil }
        return entries.first { $0.name == reference.description }?.descriptor
    }

    /// Gives a content a name, which whatever had it before loses; without a name it is entered, if need be.
    ///
    /// - Throws: ``OCIError/tooLarge(_:)`` where there are too many entries.
    mutating func add(_ descriptor: ContentDescriptor, name: String?) throws(OCIError) {
        if let name {
            entries.removeAll { entry in
                entry.name == name || entry.name == nil && entry.descriptor.digest == descriptor.digest
            }
        } else if entries.contains(where: { $0.descriptor.digest == descriptor.digest }) {
            return
        }
        guard entries.count < Self.entryLimit else {
            throw .tooLarge("it has \(entries.count) entries; remove some (era artifact remove)")
        }
        var named = descriptor
        named.annotations[Self.nameAnnotation] = name
        named.annotations[Self.wholeNameAnnotation] = nil
        entries.append(Entry(json: named.json, descriptor: named))
    }

    /// Takes entries away.
    ///
    /// - Returns: Those that were taken away.
    mutating func remove(where isUnwanted: (Entry) -> Bool) -> [Entry] {
        let removed = entries.filter(isUnwanted)
        entries.removeAll(where: isUnwanted)
        return removed
    }
}

extension ContentDescriptor {
    /// As it stands in an index or a manifest.
    var json: JSONValue {
        var members: [String: JSONValue] = [
            "mediaType": .string(mediaType.rawValue), "digest": .string(digest.description),
            "size": .integer(size.bytes),
        ]
        if let platform {
            var object: [String: JSONValue] = [
                "os": .string(platform.os), "architecture": .string(platform.architecture),
            ]
            object["variant"] = platform.variant.map { .string($0) }
            members["platform"] = .object(object)
        }
        members["artifactType"] = artifactType.map { .string($0.rawValue) }
        if !annotations.isEmpty { members["annotations"] = .object(annotations.mapValues { .string($0) }) }
        return .object(members)
    }
}
