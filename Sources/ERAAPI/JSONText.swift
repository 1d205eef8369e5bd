package import ERACore
import FoundationEssentials

/// JSON between bytes and values.
package enum JSONText {
    /// - Throws: A `DecodingError` that says where the text is not JSON.
    package static func read(_ bytes: [UInt8]) throws -> JSONValue {
        try JSONDecoder().decode(JSONValue.self, from: Data(bytes))
    }

    package static func write(_ value: JSONValue) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf",
            negativeInfinity: "-inf",
            nan: "nan"
        )
        // With non-conforming numbers as texts, a JSON value has no member that cannot be encoded.
        return (try? encoder.encode(value)).map(Array.init) ?? Array("null".utf8)
    }
}
