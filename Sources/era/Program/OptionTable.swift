import ArgumentParser
import ERACore
import ERAManifest

/// The options of one command, as ArgumentParser knows them.
struct OptionTable: Equatable, Sendable {
    /// One option or flag.
    struct Option: Equatable, Sendable {
        /// `run-dir`
        var longNames: [String]
        /// `n`
        var shortNames: [Character]
        /// A flag takes none.
        var takesValue: Bool
        var isRepeatable: Bool

        /// The variable that stands for it; nil where there is no long name to derive it from.
        var variable: String? {
            longNames.first.map { name in
                "ERA_" + name.uppercased().map { $0 == "-" ? "_" : String($0) }.joined()
            }
        }
    }

    var options: [Option]

    init(_ options: [Option]) { self.options = options }

    /// - Throws: `JSONSyntaxError`, should ArgumentParser's own description not be JSON.
    init(of command: any ParsableCommand.Type) throws {
        let description = try JSONValue(jsonText: Array(command._dumpHelp().utf8))
        let arguments = description["command"]?["arguments"]?.array ?? []
        options = arguments.compactMap { argument in
            guard let kind = argument["kind"]?.string, kind != "positional" else { return nil }
            var option = Option(
                longNames: [],
                shortNames: [],
                takesValue: kind == "option",
                isRepeatable: argument["isRepeating"]?.boolean ?? false
            )
            for name in argument["names"]?.array ?? [] {
                guard let text = name["name"]?.string else { continue }
                switch name["kind"]?.string {
                case "long": option.longNames.append(text)
                case "short": option.shortNames += Array(text)
                default: break
                }
            }
            return option
        }
    }

    /// Which options some arguments give, by their places in ``options``.
    func given(in arguments: some Sequence<String>) -> Set<Int> {
        var given: Set<Int> = []
        var skipsValue = false
        for argument in arguments {
            if skipsValue { skipsValue = false; continue }
            if argument == "--" { break }
            if argument.hasPrefix("--") {
                let parts = argument.dropFirst(2).split(separator: "=", maxSplits: 1)
                guard let name = parts.first.map(String.init), let index = index(ofLong: name) else {
                    continue
                }
                given.insert(index)
                skipsValue = options[index].takesValue && parts.count == 1
            } else if argument.hasPrefix("-") {
                skipsValue = collect(cluster: argument.dropFirst(), into: &given)
            }
        }
        return given
    }

    /// `-Aw`, `-n web`, `-nweb`.
    /// - Returns: Whether the next argument is the value of the last option.
    private func collect(cluster: Substring, into given: inout Set<Int>) -> Bool {
        for (offset, letter) in cluster.enumerated() {
            guard let index = options.firstIndex(where: { $0.shortNames.contains(letter) }) else {
                return false
            }
            given.insert(index)
            if options[index].takesValue { return offset == cluster.count - 1 }
        }
        return false
    }

    /// The flag that takes another one back: `no-wait` of `wait`, and the other way round.
    func opposite(of name: String) -> (index: Int, name: String)? {
        let opposite = name.hasPrefix("no-") ? String(name.dropFirst(3)) : "no-\(name)"
        return index(ofLong: opposite).map { ($0, opposite) }
    }

    func index(ofLong name: String) -> Int? { options.firstIndex { $0.longNames.contains(name) } }
}
