import ERACore
import ERAManifest
import ERAOCI

/// A layout that is imported; nothing that it says is believed before it has been verified.
protocol LayoutSource {
    var index: LayoutIndex { get }

    /// How large a content is; nil where it is missing.
    func size(of digest: Digest) throws -> Int64?

    /// Brings a content into the store, verified; nil where it is missing.
    func take(_ digest: Digest) async throws -> ContentStore.Blob?
}

/// The file that says of a directory that it is a layout.
enum LayoutMarker {
    static let name = "oci-layout"
    static let text = Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8)

    /// - Throws: ``ImportRefusal`` for a layout of another version, or none.
    static func check(_ text: [UInt8]) throws {
        // What is no JSON has no version.
        let version = (try? JSONValue(jsonText: text, nodeLimit: 100))?["imageLayoutVersion"]?.string
        guard version == "1.0.0" else {
            throw ImportRefusal("its oci-layout does not say that it is an image layout of version 1.0.0")
        }
    }
}
