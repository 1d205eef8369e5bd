/// How a registry wants to be told who asks.
///
/// Source: RFC 9110 section 11.6.1, and the token authentication of the distribution project.
enum Challenge: Equatable {
    case basic
    case bearer(realm: String, service: String?, scope: String?)

    /// The longest value of a header that is looked at, in bytes.
    static let lengthLimit = 4096

    /// The first challenge that can be answered: Bearer before Basic; nil where there is none.
    static func first(in headers: [String]) -> Challenge? {
        let all = headers.filter { $0.utf8.count <= lengthLimit }.flatMap(parse)
        return all.first { $0 != .basic } ?? all.first
    }

    private static func parse(_ text: String) -> [Challenge] {
        var found: [Challenge] = []
        var rest = text[...]
        var current: (scheme: String, parameters: [String: String])?
        func end() {
            guard let (scheme, parameters) = current else { return }
            if scheme == "basic" { found.append(.basic) }
            guard scheme == "bearer", let realm = parameters["realm"] else { return }
            found.append(
                .bearer(realm: realm, service: parameters["service"], scope: parameters["scope"])
            )
        }
        while true {
            rest = rest.drop { $0 == " " || $0 == "," || $0 == "\t" }
            let word = rest.prefix { $0.isLetter || $0.isNumber || "-._~+/!#$%&'*^`|".contains($0) }
            guard !word.isEmpty else { break }
            rest = rest.dropFirst(word.count)
            guard rest.first == "=" else {
                end()
                current = (word.lowercased(), [:])
                continue
            }
            rest = rest.dropFirst()
            guard let value = takeValue(&rest) else { break }
            if current?.parameters[word.lowercased()] == nil {
                current?.parameters[word.lowercased()] = value
            }
        }
        end()
        return found
    }

    private static func takeValue(_ rest: inout Substring) -> String? {
        guard rest.first == "\"" else {
            let value = rest.prefix { $0 != "," && $0 != " " }
            rest = rest.dropFirst(value.count)
            return String(value)
        }
        rest = rest.dropFirst()
        var value = ""
        while let character = rest.popFirst() {
            switch character {
            case "\"": return value
            case "\\":
                guard let next = rest.popFirst() else { return nil }
                value.append(next)
            default: value.append(character)
            }
        }
        return nil
    }
}
