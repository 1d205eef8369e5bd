import ERACore
import ERAManifest

/// Reads the members of one JSON object, and says which one is wrong.
struct ObjectReader {
    /// Where the object stands, as `manifest.layers[2]`.
    let place: String
    let members: [String: JSONValue]

    init(_ value: JSONValue, at place: String) throws(OCIError) {
        guard case .object(let members) = value else { throw .malformed("\(place) is not an object") }
        self.place = place
        self.members = members
    }

    /// - Parameter limit: The most bytes of the text.
    init(text: [UInt8], limit: Int, at place: String) throws(OCIError) {
        guard text.count <= limit else {
            throw .tooLarge("the \(place) has \(text.count) bytes, more than \(limit)")
        }
        let value: JSONValue
        do throws(JSONSyntaxError) {
            value = try JSONValue(jsonText: text, nodeLimit: OCILimits.nodeLimit)
        } catch {
            throw .malformed("the \(place) is not JSON that can be read: \(error)")
        }
        try self.init(value, at: place)
    }

    /// The member; nil where it is missing or null, as Go's encoders write what is empty.
    subscript(_ name: String) -> JSONValue? {
        if let value = members[name], value != .null { value } else { nil }
    }

    func optionalText(_ name: String) throws(OCIError) -> String? {
        guard let value = self[name] else { return nil }
        return try Self.text(value, at: "\(place).\(name)")
    }

    func text(_ name: String) throws(OCIError) -> String {
        guard let text = try optionalText(name) else { throw .malformed("\(place).\(name) is missing") }
        return text
    }

    func integer(_ name: String) throws(OCIError) -> Int64 {
        guard let value = self[name]?.integer else {
            throw .malformed("\(place).\(name) is missing or not a whole number")
        }
        return value
    }

    func mediaType(_ name: String) throws(OCIError) -> MediaType {
        guard let type = try optionalMediaType(name) else {
            throw .malformed("\(place).\(name) is missing")
        }
        return type
    }

    /// An empty text counts as none.
    func optionalMediaType(_ name: String) throws(OCIError) -> MediaType? {
        guard let text = try optionalText(name), !text.isEmpty else { return nil }
        guard let type = MediaType(rawValue: text) else {
            throw .malformed("\(place).\(name) is not a media type")
        }
        return type
    }

    func optionalObject(_ name: String) throws(OCIError) -> ObjectReader? {
        guard let value = self[name] else { return nil }
        return try ObjectReader(value, at: "\(place).\(name)")
    }

    /// - Parameter limit: The most elements.
    func objects(_ name: String, limit: Int) throws(OCIError) -> [ObjectReader] {
        guard let value = self[name] else { return [] }
        guard case .array(let elements) = value else { throw .malformed("\(place).\(name) is not a list") }
        guard elements.count <= limit else {
            throw .tooLarge("\(place).\(name) has \(elements.count) entries, more than \(limit)")
        }
        var readers: [ObjectReader] = []
        for (index, element) in elements.enumerated() {
            readers.append(try ObjectReader(element, at: "\(place).\(name)[\(index)]"))
        }
        return readers
    }

    /// A list of texts; nil where it is missing.
    func optionalTexts(_ name: String) throws(OCIError) -> [String]? {
        guard let value = self[name] else { return nil }
        guard case .array(let elements) = value else { throw .malformed("\(place).\(name) is not a list") }
        var texts: [String] = []
        for (index, element) in elements.enumerated() {
            texts.append(try Self.text(element, at: "\(place).\(name)[\(index)]"))
        }
        return texts
    }

    /// The keys of an object that stands for a set, sorted.
    func names(_ name: String) throws(OCIError) -> [String] {
        guard let set = try optionalObject(name) else { return [] }
        for key in set.members.keys { _ = try Self.text(.string(key), at: "\(place).\(name)") }
        return set.members.keys.sorted()
    }

    func textMembers(_ name: String) throws(OCIError) -> [String: String] {
        guard let object = try optionalObject(name) else { return [:] }
        var texts: [String: String] = [:]
        for (key, value) in object.members { texts[key] = try Self.text(value, at: "\(object.place).\(key)") }
        return texts
    }

    func annotations() throws(OCIError) -> [String: String] {
        let annotations = try textMembers("annotations")
        let size = annotations.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
        guard size <= OCILimits.annotationSizeLimit else {
            throw .tooLarge(
                "\(place).annotations have \(size) bytes, more than \(OCILimits.annotationSizeLimit)"
            )
        }
        return annotations
    }

    /// Everything ends up as arguments, paths and names of files, none of which can hold a NUL.
    private static func text(_ value: JSONValue, at place: String) throws(OCIError) -> String {
        guard let text = value.string else { throw .malformed("\(place) is not a text") }
        guard !text.utf8.contains(0) else { throw .malformed("\(place) holds a NUL character") }
        return text
    }
}
