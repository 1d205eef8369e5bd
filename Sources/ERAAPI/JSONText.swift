package import ERACore
import ERAManifest

/// The two text forms in which objects come, and the one in which they go.
package enum JSONText {
    /// - Throws: `JSONSyntaxError` with the place where the text is not JSON.
    package static func read(_ bytes: [UInt8]) throws -> JSONValue { try JSONValue(jsonText: bytes) }

    /// The canonical text, in UTF-8: without white space, members sorted by name.
    package static func write(_ value: JSONValue) -> [UInt8] { value.utf8Text(pretty: false) }

    /// Reads one manifest in YAML. What begins like a JSON object is read as that.
    ///
    /// A manifest in YAML is read as strictly as a file is: with an unknown field it is refused.
    /// - Throws: ``APIStatus`` 400 with what is wrong and where; `JSONSyntaxError`.
    package static func readYAML(_ bytes: [UInt8]) throws -> JSONValue {
        let white: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D]
        if bytes.first(where: { !white.contains($0) }) == UInt8(ascii: "{") { return try read(bytes) }
        let file = ManifestFile(reading: bytes, file: "request.yaml")
        guard !file.hasErrors else {
            throw APIStatus.badRequest(file.diagnostics.map(\.summary).joined(separator: "\n"))
        }
        guard let entry = file.entries.first, file.entries.count == 1 else {
            throw APIStatus.badRequest("the body holds \(file.entries.count) manifests; send one at a time")
        }
        return entry.declared
    }
}
