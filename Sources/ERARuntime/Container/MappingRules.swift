/// What `portmap` has put into iptables for a container: to remove it where that plugin is gone.
///
/// Source: containernetworking/plugins, `plugins/meta/portmap/portmap_iptables.go`, version 1.1.
enum MappingRules {
    /// Where each container's mappings have one rule for each protocol, with who it is in its comment.
    static let entryChain = "CNI-HOSTPORT-DNAT"

    /// The calls of iptables that remove it, each without `-t nat`.
    ///
    /// - Parameter rules: What `iptables -t nat -S CNI-HOSTPORT-DNAT` says.
    static func removal(of container: String, network: String, from rules: String) -> [[String]] {
        let mark = "dnat name: \"\(network)\" id: \"\(container)\""
        var calls: [[String]] = []
        var chains: Set<String> = []
        for line in rules.split(separator: "\n") {
            let words = words(line)
            guard words.prefix(2) == ["-A", entryChain], words.contains(mark),
                let jump = words.lastIndex(of: "-j"), jump + 1 < words.count
            else { continue }
            calls.append(["-D"] + words.dropFirst())
            chains.insert(words[jump + 1])
        }
        for chain in chains.sorted() where chain.hasPrefix("CNI-DN-") {
            calls += [["-F", chain], ["-X", chain]]
        }
        return calls
    }

    /// The words of a rule: those in quotes are one, with a backslash before what is meant as it is.
    private static func words(_ line: Substring) -> [String] {
        var words: [String] = []
        var word = ""
        var isQuoted = false
        var isMeant = false
        for character in line {
            switch character {
            case _ where isMeant:
                word.append(character)
                isMeant = false
            case "\\": isMeant = true
            case "\"": isQuoted.toggle()
            case " " where !isQuoted:
                if !word.isEmpty { words.append(word) }
                word = ""
            default: word.append(character)
            }
        }
        return word.isEmpty ? words : words + [word]
    }
}
