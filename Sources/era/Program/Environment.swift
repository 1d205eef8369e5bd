import Glibc

/// The variables that the program was started with.
struct Environment: Equatable, Sendable {
    var variables: [String: String]

    init(_ variables: [String: String]) { self.variables = variables }

    subscript(_ name: String) -> String? { variables[name] }

    /// Those of this process.
    static func current() -> Environment {
        var variables: [String: String] = [:]
        var next = environ
        while let entry = next.pointee {
            let text = String(cString: entry)
            next += 1
            guard let sign = text.firstIndex(of: "=") else { continue }
            variables[String(text[..<sign])] = String(text[text.index(after: sign)...])
        }
        return Environment(variables)
    }

    /// The effective user of this process.
    static var userID: UInt32 { geteuid() }
}
