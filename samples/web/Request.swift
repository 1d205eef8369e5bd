/// The head of one HTTP/1.x request, as far as this server cares.
struct Request: Equatable {
    /// A head that is longer is refused.
    static let headLimit = 8192

    let method: String
    /// Without the query.
    let path: String
    let keepsAlive: Bool

    /// What the bytes received so far hold.
    enum Parsed: Equatable {
        case incomplete
        case malformed
        /// With the number of bytes that it took.
        case request(Request, length: Int)
    }

    /// Reads one request head from the front of `input`. Bodies are not expected:
    /// whoever sends one is answered and cut off.
    ///
    /// Source: RFC 9112, sections 3 and 9.3.
    static func parse(_ input: [UInt8]) -> Parsed {
        guard let length = headLength(input) else {
            return input.count < headLimit ? .incomplete : .malformed
        }
        guard length <= headLimit else { return .malformed }
        let lines = input[..<length].split(separator: UInt8(ascii: "\n"))
        let words = (lines.first ?? []).split(separator: UInt8(ascii: " "))
        guard words.count == 3, words[1].first == UInt8(ascii: "/"),
            let version = text(words[2]), version.hasPrefix("HTTP/1."),
            let method = text(words[0]),
            let path = text(words[1].prefix { $0 != UInt8(ascii: "?") })
        else { return .malformed }
        var keepsAlive = version.hasPrefix("HTTP/1.1")
        for line in lines.dropFirst() {
            let header = text(line)?.lowercased() ?? ""
            if header.hasPrefix("connection:") { keepsAlive = header.hasSuffix("keep-alive") }
            if header.hasPrefix("content-length:") || header.hasPrefix("transfer-encoding:") {
                return .request(Request(method: method, path: path, keepsAlive: false), length: input.count)
            }
        }
        return .request(Request(method: method, path: path, keepsAlive: keepsAlive), length: length)
    }

    /// Up to and with the empty line; nil while that has not come.
    private static func headLength(_ input: [UInt8]) -> Int? {
        guard input.count >= 4 else { return nil }
        for end in 3..<input.count
        where input[end] == 10 && input[end - 1] == 13 && input[end - 2] == 10 && input[end - 3] == 13 {
            return end + 1
        }
        return nil
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String? {
        String(validating: bytes.last == 13 ? bytes.dropLast() : bytes, as: UTF8.self)
    }
}

/// What goes back.
struct Response {
    let status: String
    let body: String

    /// The bytes on the wire.
    func encoded(keepsAlive: Bool, withBody: Bool) -> [UInt8] {
        let text = """
            HTTP/1.1 \(status)\r
            Content-Type: text/plain; charset=utf-8\r
            Content-Length: \(body.utf8.count)\r
            Connection: \(keepsAlive ? "keep-alive" : "close")\r
            \r

            """
        return Array((withBody ? text + body : text).utf8)
    }
}
