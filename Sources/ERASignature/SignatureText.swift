/// Reads what is a text, line by line.
enum SignatureText {
    /// The lines without their ends (LF or CR LF); an end after the last line makes no further one.
    ///
    /// - Throws: ``SignatureError`` for more bytes than `limit`, for none, and for what is not UTF-8.
    static func lines(
        _ bytes: [UInt8],
        _ subject: String,
        limit: Int
    ) throws(SignatureError) -> [String] {
        try checkSize(bytes, subject, limit: limit)
        var parts = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if parts.count > 1, parts.last?.isEmpty == true { parts.removeLast() }
        var lines: [String] = []
        for part in parts {
            let line =
                part.last == UInt8(ascii: "\r") && part.endIndex < bytes.endIndex ? part.dropLast() : part
            guard let text = String(validating: line, as: UTF8.self) else {
                throw .malformed(
                    subject: subject,
                    problem: "it is not a text",
                    advice: "give the file as the tool wrote it"
                )
            }
            lines.append(text)
        }
        return lines
    }

    /// - Throws: ``SignatureError`` for more bytes than `limit`, and for none.
    static func checkSize(_ bytes: [UInt8], _ subject: String, limit: Int) throws(SignatureError) {
        guard bytes.count <= limit else {
            throw .tooLarge(subject: subject, size: bytes.count, limit: limit)
        }
        guard !bytes.isEmpty else {
            throw .malformed(subject: subject, problem: "it is empty", advice: "sign the artifact anew")
        }
    }

    /// What follows `prefix`, compared byte by byte; nil where it does not stand there.
    static func rest(of line: String, after prefix: String) -> String? {
        line.utf8.starts(with: prefix.utf8) ? String(line.utf8.dropFirst(prefix.utf8.count)) : nil
    }

    /// The bytes of one block of text between a first and a last line (RFC 7468, and that of OpenSSH).
    static func armored(
        _ lines: [String],
        _ label: String,
        _ subject: String
    ) throws(SignatureError) -> [UInt8] {
        guard lines.count > 2, lines.first == "-----BEGIN \(label)-----",
            lines.last == "-----END \(label)-----"
        else {
            throw .malformed(
                subject: subject,
                problem: "it is not one block from BEGIN \(label) to END \(label)",
                advice: "give the file as the tool wrote it"
            )
        }
        guard let bytes = Base64.decode(lines.dropFirst().dropLast().joined()) else {
            throw .malformed(
                subject: subject,
                problem: "what stands between its first and last line is not base64",
                advice: "give the file as the tool wrote it"
            )
        }
        return bytes
    }
}
