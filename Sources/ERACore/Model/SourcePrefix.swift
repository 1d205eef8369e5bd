/// The beginning of addresses, to a boundary of their parts: `https://example.org/a` is that of
/// `https://example.org/a/b`, and not of `https://example.org/ab`.
public struct SourcePrefix: Hashable, Sendable, CustomStringConvertible {
    /// In its plain form.
    public let text: String

    /// - Throws: ``InvalidValue`` for what is no beginning of an address, or is written oddly.
    public init(_ text: String) throws(InvalidValue) {
        let invalid = InvalidValue(
            text,
            expected:
                "the beginning of a source, such as https://example.org/apps/, without . and .. and escapes "
                + "of plain characters"
        )
        // The root of all files is no file.
        if text == "file:///" {
            self.text = text
            return
        }
        guard !text.contains("?"), !text.contains("#"), let plain = Self.plain(text) else { throw invalid }
        do throws(InvalidValue) { _ = try ArtifactLocation(text) } catch { throw invalid }
        self.text = plain
    }

    public var description: String { text }

    /// - Parameter address: In its plain form.
    func covers(_ address: String) -> Bool {
        guard address.utf8.starts(with: text.utf8) else { return false }
        if text.hasSuffix("/") { return true }
        // Behind a host, a port would be another place; behind a repository, the tag follows.
        let isHost = text.utf8.count { $0 == UInt8(ascii: "/") } == 2
        guard let next = address.utf8.dropFirst(text.utf8.count).first else { return true }
        return (isHost ? "/?#" : "/?#:@").utf8.contains(next)
    }

    /// An address in the one form in which prefixes can be compared: the host in lower case, without the
    /// port that is the scheme's own.
    ///
    /// - Returns: Nil where the path could be another one than it seems: with `.` or `..`, empty segments,
    ///   backslashes, or escapes of characters that need none. Source: RFC 3986, section 6.2.2.
    static func plain(_ url: String) -> String? {
        guard let colon = url.firstRange(of: "://") else { return nil }
        let scheme = url[..<colon.lowerBound]
        let rest = url[colon.upperBound...]
        let path = rest.drop { !"/?#".contains($0) }
        var host = rest[..<path.startIndex].lowercased()
        let port = scheme == "http" ? ":80" : ":443"
        if host.hasSuffix(port) { host.removeLast(port.utf8.count) }
        let named = path.prefix { $0 != "?" && $0 != "#" }
        guard !named.contains("\\"), !hasNeedlessEscape(named) else { return nil }
        // The first is empty, before the slash; the last may be.
        let segments = named.split(separator: "/", omittingEmptySubsequences: false)
        guard !segments.contains("."), !segments.contains(".."),
            !segments.dropFirst().dropLast().contains("")
        else { return nil }
        return "\(scheme)://\(host)\(path)"
    }

    /// Whether an escape stands for a character that is written as it is, or for a separator; or is none.
    private static func hasNeedlessEscape(_ path: Substring) -> Bool {
        var rest = path.utf8
        while let percent = rest.firstIndex(of: UInt8(ascii: "%")) {
            let digits = String(rest[rest.index(after: percent)...].prefix(2)) ?? ""
            guard digits.utf8.count == 2, let byte = UInt8(digits, radix: 16) else { return true }
            let character = Character(UnicodeScalar(byte))
            if character.isASCII, character.isLetter || character.isNumber || "-._~/\\".contains(character) {
                return true
            }
            rest = rest[rest.index(after: percent)...]
        }
        return false
    }
}
