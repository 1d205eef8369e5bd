internal import FoundationEssentials

/// Base64 as the tools write it: the standard alphabet, padded, and only one text for the same bytes.
///
/// Source: RFC 4648, sections 4 and 3.5 ("Canonical Encoding").
enum Base64 {
    /// Nil for anything but the text that ``encode(_:)`` would give.
    static func decode(_ text: some StringProtocol) -> [UInt8]? {
        guard let decoded = Data(base64Encoded: String(text)),
            decoded.base64EncodedString().utf8.elementsEqual(text.utf8)
        else { return nil }
        return [UInt8](decoded)
    }

    static func encode(_ bytes: some Sequence<UInt8>) -> String { Data(bytes).base64EncodedString() }
}
