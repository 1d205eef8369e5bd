import ERAContracts
import ERACore
import ERAManifest
import Testing

@testable import ERARuntime

/// What is decided about a container's network, before anything is made.
@Suite struct ContainerNetworkRuleTests {
    @Test(arguments: [
        "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.+4", "1.2.3.", "::1", "localhost", "",
    ])
    func `what is no IPv4 address is none`(_ text: String) {
        #expect(IPv4Address(text) == nil)
    }

    @Test func `an address and a range are read and written alike`() {
        #expect(IPv4Address("10.80.4.1")?.description == "10.80.4.1")
        #expect(CNISubnet(0x0A50_0403, 22).description == "10.80.4.0/22")
        #expect(CNISubnet(0x0A50_0403, 22).gateway.description == "10.80.4.1")
        #expect(CNISubnet(0x0A50_0403, 22).mask == 0xFFFF_FC00)
        #expect(CNISubnet(1, 0).description == "0.0.0.0/0")
    }

    // MARK: The subnet

    private static let table = """
        Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
        eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
        eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
        era-1\t0004500A\t00000000\t0001\t0\t0\t0\t00FCFFFF\t0\t0\t0
        nonsense
        """

    @Test func `the host's routes are read, but the default one`() {
        #expect(
            HostRoute.parse(Self.table) == [
                HostRoute(interface: "eth0", subnet: CNISubnet(0xC000_0200, 24)),
                HostRoute(interface: "era-1", subnet: CNISubnet(0x0A50_0400, 22)),
            ]
        )
    }

    @Test func `a bridge keeps the subnet that it has, and another takes one beside it`() {
        let routes = HostRoute.parse(Self.table)
        func choice(_ bridge: String, kept: String? = nil, seed: UInt32) -> String? {
            let kept = kept.flatMap { IPv4Address($0) }
            return CNISubnet.choose(for: bridge, kept: kept, among: routes, seed: seed)?.description
        }
        #expect(choice("era-1", kept: "10.80.4.1", seed: 77) == "10.80.4.0/22")
        // What is none of ours it does not keep, and its own route is in nobody's way.
        #expect(choice("era-1", kept: "10.80.4.7", seed: 1) == "10.80.4.0/22")
        #expect(choice("era-2", seed: 0) == "10.80.0.0/22")
        #expect(choice("era-2", seed: 1) == "10.80.8.0/22")
        // The seed turns the pool around.
        #expect(choice("era-2", seed: 255) == "10.83.252.0/22")
        #expect(choice("era-2", seed: .max) == "10.83.252.0/22")
    }

    @Test func `what a route of the host touches is not taken, were it only a part`() {
        func route(_ address: UInt32, _ length: Int) -> HostRoute {
            HostRoute(interface: "eth0", subnet: CNISubnet(address, length))
        }
        func choice(_ routes: HostRoute...) -> String? {
            CNISubnet.choose(for: "era-1", kept: nil, among: routes, seed: 0)?.description
        }
        #expect(choice(route(0x0A50_0305, 32)) == "10.80.4.0/22")
        #expect(choice(route(0x0A50_0000, 16)) == "10.81.0.0/22")
        #expect(choice(route(0x0A00_0000, 8)) == "172.28.0.0/22")
        #expect(choice(route(0x0A00_0000, 8), route(0xAC10_0000, 12)) == "192.168.128.0/22")
        #expect(choice(route(0x0A00_0000, 8), route(0xAC10_0000, 12), route(0xC0A8_0000, 16)) == nil)
    }

    // MARK: The protocol

    private func network(_ mappings: [PortMapping] = []) -> CNINetwork {
        CNINetwork(
            bridge: "era-1",
            subnet: CNISubnet(0x0A50_0400, 22),
            leaseDirectory: "/run/era/leases",
            version: "1.0.0",
            mappings: mappings
        )
    }

    @Test func `the bridge is no gateway, and ports are mapped only where there are any`() throws {
        #expect(network().plugins.map(\.type) == ["bridge"])
        let config = try #require(network().plugins.first?.config)
        #expect(config["name"] == "era-1" && config["bridge"] == "era-1" && config["cniVersion"] == "1.0.0")
        // As a gateway the plugin would have the host forward packets.
        #expect(config["isGateway"] == false && config["ipMasq"] == false)
        #expect(
            config["ipam"]?["ranges"] == [[["subnet": "10.80.4.0/22", "gateway": "10.80.4.1"]]]
        )
        #expect(config["ipam"]?["dataDir"] == "/run/era/leases")
        let mappings = [
            PortMapping(name: "http", host: "127.0.0.1", hostPort: 8080, containerPort: 80, isUDP: false),
            PortMapping(name: "dns", host: "0.0.0.0", hostPort: 53, containerPort: 53, isUDP: true),
        ]
        let portmap = try #require(network(mappings).plugins.last)
        #expect(portmap.type == "portmap")
        #expect(
            portmap.config["runtimeConfig"]?["portMappings"] == [
                ["hostPort": 8080, "containerPort": 80, "protocol": "tcp", "hostIP": "127.0.0.1"],
                ["hostPort": 53, "containerPort": 53, "protocol": "udp"],
            ]
        )
    }

    @Test func `an answer has to be of the version, with an address of the subnet`() throws {
        func result(_ text: String) throws(CNIError) -> CNIResult {
            try CNIResult(Array(text.utf8), of: network())
        }
        let good = #"{"cniVersion":"1.0.0","ips":[{"address":"fd00::2/64"},{"address":"10.80.4.2/22"}]}"#
        #expect(try result(good).address.description == "10.80.4.2")
        #expect(try result(good).json["ips"]?.array?.count == 2)
        let bad = [
            "", "[]", "{}{}", #"{"cniVersion":"0.4.0","ips":[{"address":"10.80.4.2/22"}]}"#,
            #"{"cniVersion":"1.0.0"}"#, #"{"cniVersion":"1.0.0","ips":[{"address":"10.80.8.2/22"}]}"#,
            #"{"cniVersion":"1.0.0","ips":[{"address":"10.80.4.2"}]}"#,
            #"{"cniVersion":"1.0.0","ips":[{"address":"10.80.4.2/24"}]}"#,
            #"{"cniVersion":"1.0.0","ips":"10.80.4.2/22"}"#,
        ]
        for text in bad { #expect(throws: CNIError.self, "\(text)") { try result(text) } }
    }

    @Test func `an error of a plugin is told in its words`() {
        func error(_ answer: String, talk: String = "") -> String {
            CNIError(answer: Array(answer.utf8), talk: Array(talk.utf8)).message
        }
        #expect(error(#"{"code":11,"msg":"no address","details":"all taken"}"#) == "no address: all taken")
        #expect(error(#"{"code":7,"msg":"bad"}"#, talk: "panic") == "bad")
        #expect(error("", talk: "one\ntwo\n") == "two")
        #expect(error("oops") == "it did not say why")
        #expect(error("", talk: String(repeating: "x", count: 10_000)).utf8.count == CNIError.messageLimit)
    }

    @Test func `the versions that a plugin speaks are read from its answer`() {
        let answer = #"{"cniVersion":"1.0.0","supportedVersions":["0.4.0","1.0.0",3]}"#
        #expect(CNINetwork.versions(spokenBy: Array(answer.utf8)) == ["0.4.0", "1.0.0"])
        #expect(CNINetwork.versions(spokenBy: Array("no".utf8)) == [])
    }

    @Test func `a record says again what it was written with, and nothing else is one`() throws {
        let mapping = PortMapping(name: "a", host: "127.0.0.1", hostPort: 1, containerPort: 2, isUDP: false)
        var record = NetworkRecord(bootID: "boot", network([mapping]))
        #expect(NetworkRecord(record.json.utf8Text(pretty: false)) == record)
        record.result = ["ips": []]
        #expect(NetworkRecord(record.json.utf8Text(pretty: false)) == record)
        let bad = [
            "", "{}", #"{"boot":"b"}"#, #"{"boot":"b","plugins":[{"type":"bridge"}]}"#,
            #"{"boot":"b","plugins":[{"type":"../../bin/sh","config":{}}]}"#,
        ]
        for text in bad { #expect(NetworkRecord(Array(text.utf8)) == nil, "\(text)") }
    }

    // MARK: Names

    private func naming(hosts: String = "", resolver: String, upstream: String = "") throws -> ContainerNaming
    {
        ContainerNaming(
            hostname: "web",
            address: try #require(IPv4Address("10.80.4.2")),
            gateway: try #require(IPv4Address("10.80.4.1")),
            hosts: hosts,
            resolver: resolver,
            upstream: upstream
        )
    }

    @Test func `a container knows itself, the host, and whom the host knows, but for loopback`() throws {
        let hosts = """
            127.0.0.1 localhost
            127.0.1.1 box  # the host
            ::1 ip6-localhost
            192.0.2.7 db db.example.org
            192.0.2.8 web
            # 192.0.2.9 nothing
            """
        #expect(
            try naming(hosts: hosts, resolver: "").hosts == """
                127.0.0.1\tlocalhost
                ::1\tlocalhost ip6-localhost ip6-loopback
                10.80.4.2\tweb
                10.80.4.1\thost.containers.internal
                192.0.2.7 db db.example.org

                """
        )
    }

    @Test func `only name servers that can be reached are kept`() throws {
        let mixed = try naming(
            resolver:
                "# made\nsearch example.org\nnameserver 127.0.0.53\nnameserver fd00::1\nnameserver 192.0.2.1\n"
        )
        #expect(mixed.resolver == "search example.org\nnameserver 192.0.2.1\n" && mixed.hasServer)
        let stub = try naming(
            resolver: "nameserver 127.0.0.53\noptions edns0\n",
            upstream: "nameserver 192.0.2.2\nsearch lan\n"
        )
        #expect(stub.resolver == "nameserver 192.0.2.2\nsearch lan\n" && stub.hasServer)
        let none = try naming(resolver: "nameserver ::1\nsearch lan\n", upstream: "nameserver 127.0.0.1\n")
        #expect(none.resolver == "search lan\n" && !none.hasServer)
    }

    // MARK: Ports

    private func spec(_ ports: [PortSpec], _ config: JSONValue) throws -> DeploymentSpec {
        var spec = try workspaceSpec(ports: ports)
        spec.runtime = RuntimeSpec(plugin: .container, config: config)
        return spec
    }

    @Test func `a port leads to the same one of the container, unless its name is given another`() throws {
        let ports = [
            PortSpec(name: PartName(checked: "http"), port: 8080),
            PortSpec(name: PartName(checked: "dns"), port: 53, host: "0.0.0.0", transport: .udp),
            PortSpec(name: PartName(checked: "passed"), port: 9, passSocket: true),
        ]
        let config: JSONValue = ["network": "bridge", "containerPorts": ["http": 80]]
        let spec = try spec(ports, config)
        let (parsed, problems) = ContainerConfig.parse(config)
        #expect(problems.isEmpty && parsed.portProblems(spec) == [])
        #expect(
            parsed.mappings(spec) == [
                PortMapping(name: "http", host: "127.0.0.1", hostPort: 8080, containerPort: 80, isUDP: false),
                PortMapping(name: "dns", host: "0.0.0.0", hostPort: 53, containerPort: 53, isUDP: true),
            ]
        )
        #expect(ContainerConfig.isOnBridge(spec))
        #expect(ContainerConfig.parse(["network": "none"]).config.mappings(spec) == [])
    }

    @Test func `a port that cannot be mapped is named`() throws {
        let ports = [
            PortSpec(name: PartName(checked: "six"), port: 80, host: "::1"),
            PortSpec(name: PartName(checked: "passed"), port: 9, passSocket: true),
        ]
        func fields(_ config: JSONValue) throws -> [String] {
            let (parsed, problems) = ContainerConfig.parse(config)
            return problems.map(\.field) + parsed.portProblems(try spec(ports, config)).map(\.field)
        }
        #expect(
            try fields(["network": "bridge", "containerPorts": ["http": 80, "passed": 80]]) == [
                "spec.runtime.config.containerPorts.http", "spec.runtime.config.containerPorts.passed",
                "spec.ports[0]",
            ]
        )
        #expect(try fields(["containerPorts": ["six": 80]]) == ["spec.runtime.config.containerPorts.six"])
        for port in [0, 65_536, "80", .number(1.5)] as [JSONValue] {
            #expect(
                try fields(["network": "bridge", "containerPorts": ["six": port]]) == [
                    "containerPorts.six", "spec.ports[0]",
                ]
            )
        }
    }

    @Test func `a rule is looked for, made and removed with the same words`() throws {
        let rules = BridgeRules(bridge: "era-1", subnet: CNISubnet(0x0A50_0400, 22)).rules
        let masquerade = try #require(rules.first)
        #expect(masquerade.call("-D").dropFirst(2).prefix(4) == ["-t", "nat", "-D", "POSTROUTING"])
        #expect(masquerade.call("-C").dropFirst(5) == masquerade.call("-A").dropFirst(5))
        #expect(rules.allSatisfy { $0.words.contains("era era-1") })
        // portmap routes loopback's addresses on the bridge: what a container makes up must not come in.
        #expect(rules.contains { $0.chain == "INPUT" && $0.words.suffix(2) == ["-j", "DROP"] })
    }

    @Test func `what an administrator forbids to be forwarded stays forbidden`() {
        let rules = BridgeRules(bridge: "era-1", subnet: CNISubnet(0x0A50_0400, 22)).rules
        #expect(rules.count { $0.chain == "FORWARD" && !$0.isFirst } == 2)
        // What lets pass comes after others' rules, what forbids before them.
        #expect(rules.allSatisfy { $0.isFirst == ($0.words.last == "DROP") })
    }

    @Test func `of what portmap has put there, only that of one container is removed`() {
        let rules = #"""
            -N CNI-DN-aa
            -A OUTPUT -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
            -A CNI-DN-aa -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.80.4.2:80
            -A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \"era-1\" id: \"a.1\"" -m multiport --dports 80,81 -j CNI-DN-aa
            -A CNI-HOSTPORT-DNAT -p udp -m comment --comment "dnat name: \"era-1\" id: \"a.1\"" -m multiport --dports 53 -j CNI-DN-aa
            -A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \"era-1\" id: \"a.12\"" -m multiport --dports 82 -j CNI-DN-bb
            -A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \"podman\" id: \"a.1\"" -m multiport --dports 83 -j CNI-DN-cc
            -A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \"era-1\" id: \"a.1\"" -j
            """#
        func deletion(_ transport: String, _ ports: String) -> [String] {
            ["-D", "CNI-HOSTPORT-DNAT", "-p", transport, "-m", "comment", "--comment"]
                + [
                    "dnat name: \"era-1\" id: \"a.1\"", "-m", "multiport", "--dports", ports, "-j",
                    "CNI-DN-aa",
                ]
        }
        #expect(
            MappingRules.removal(of: "a.1", network: "era-1", from: rules) == [
                deletion("tcp", "80,81"), deletion("udp", "53"), ["-F", "CNI-DN-aa"], ["-X", "CNI-DN-aa"],
            ]
        )
        #expect(MappingRules.removal(of: "b.1", network: "era-1", from: rules) == [])
    }
}
