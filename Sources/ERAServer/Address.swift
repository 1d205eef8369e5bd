import ERAAPI

/// What a request is about: the path in decoded segments, and the query.
struct Address: Equatable, Sendable {
    /// The most parameters that a query may have.
    static let parameterLimit = 64

    var segments: [String]
    /// The first of each name.
    var parameters: [String: String]

    /// - Throws: ``APIStatus`` 400 for anything but an absolute path whose segments, decoded, are names:
    ///   empty ones, `.`, `..` and a hidden `/` lead nowhere.
    init(_ target: String) throws(APIStatus) {
        guard target.hasPrefix("/") else { throw .badRequest("the address is not an absolute path") }
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var raw = parts[0].dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        // As Kubernetes does: `/version/` is `/version`.
        if raw.last == "" { raw.removeLast() }
        segments = []
        for part in raw {
            guard let segment = PercentEncoding.decode(part), !segment.isEmpty, segment != ".",
                segment != "..",
                !segment.contains("/"), !segment.contains("\\")
            else { throw .badRequest("the address has a segment that names nothing: \"\(part)\"") }
            segments.append(segment)
        }
        parameters = [:]
        guard parts.count == 2 else { return }
        let pairs = parts[1].split(separator: "&")
        guard pairs.count <= Self.parameterLimit else {
            throw .badRequest("the address has more than \(Self.parameterLimit) parameters")
        }
        for pair in pairs {
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentEncoding.decode(sides[0], plusIsSpace: true),
                let value = sides.count == 2 ? PercentEncoding.decode(sides[1], plusIsSpace: true) : ""
            else { throw .badRequest("the address has a parameter that is not percent-encoded: \"\(pair)\"") }
            if parameters[name] == nil { parameters[name] = value }
        }
    }

    /// The parameter, where it is there and not empty.
    func text(_ name: String) -> String? { parameters[name].flatMap { $0.isEmpty ? nil : $0 } }

    /// - Throws: ``APIStatus`` 400 unless it is absent or one of Go's words for a Boolean.
    func flag(_ name: String) throws(APIStatus) -> Bool {
        switch text(name) {
        case nil, "false", "0", "f", "False", "FALSE": false
        case "true", "1", "t", "True", "TRUE": true
        case let other?: throw .badRequest("\(name)=\(other) is neither true nor false")
        }
    }

    /// - Throws: ``APIStatus`` 400 unless it is absent or a whole number that is not negative.
    func number(_ name: String) throws(APIStatus) -> Int? {
        guard let text = text(name) else { return nil }
        guard let number = Int(text), number >= 0 else {
            throw .badRequest("\(name)=\(text) is not a number of 0 or more")
        }
        return number
    }

    /// Whether nothing is to be stored.
    /// - Throws: ``APIStatus`` 400 for anything but `All`.
    func isDryRun() throws(APIStatus) -> Bool {
        guard let text = text("dryRun") else { return false }
        guard text == "All" else { throw .badRequest("dryRun=\(text) is not supported; it is All or absent") }
        return true
    }
}
