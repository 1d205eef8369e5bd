/// What iptables has to hold for a bridge, for as long as it is there.
struct BridgeRules: Sendable {
    struct Rule: Hashable, Sendable {
        let table: String
        let chain: String
        /// Whether it goes before what others put there.
        let isFirst: Bool
        let words: [String]

        /// The words of a call of iptables.
        ///
        /// - Parameter verb: `-C`, `-A`, `-I` or `-D`.
        func call(_ verb: String) -> [String] {
            ["-w", "\(BridgeRules.lockSeconds)", "-t", table, verb, chain] + words
        }
    }

    /// How long iptables waits for others who change rules.
    static let lockSeconds = 10

    let rules: [Rule]

    init(bridge: String, subnet: CNISubnet) {
        let mark = ["-m", "comment", "--comment", "era \(bridge)"]
        let known = ["--ctstate", "RELATED,ESTABLISHED,DNAT"]
        rules = [
            // To the outside they go by the host's address.
            Rule(
                table: "nat",
                chain: "POSTROUTING",
                isFirst: false,
                words: ["-s", "\(subnet)", "!", "-d", "\(subnet)"] + mark + ["-j", "MASQUERADE"]
            ),
            // Where the host forwards, and others have said that it is not to (Docker): only what is mapped
            // comes in. After the rules of others, which have the last word.
            Rule(
                table: "filter",
                chain: "FORWARD",
                isFirst: false,
                words: ["-o", bridge, "-m", "conntrack"] + known + mark + ["-j", "ACCEPT"]
            ),
            Rule(
                table: "filter",
                chain: "FORWARD",
                isFirst: false,
                words: ["-i", bridge] + mark + ["-j", "ACCEPT"]
            ),
            // portmap lets addresses of loopback be routed on the bridge (route_localnet): a container that
            // makes packets of its own could reach what trusts them (CVE-2020-8558).
            Rule(
                table: "filter",
                chain: "INPUT",
                isFirst: true,
                words: ["-i", bridge, "-d", "127.0.0.0/8", "-m", "conntrack", "!"] + known + mark
                    + ["-j", "DROP"]
            ),
        ]
    }
}
