import ERACore
import ERAOCI
import Testing

@Suite struct SeccompTests {
    private static let amd64 = Platform(os: "linux", architecture: "amd64")

    private func profile(_ rules: String) throws -> SeccompProfile {
        try SeccompProfile(
            Array(
                """
                {"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"defaultErrno":"ENOSYS",
                 "archMap":[{"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86"]},
                            {"architecture":"SCMP_ARCH_AARCH64","subArchitectures":["SCMP_ARCH_ARM"]}],
                 "syscalls":[\(rules)]}
                """.utf8
            )
        )
    }

    @Test func `a rule keeps what the runtime knows, and loses the rest`() throws {
        let rules = try profile(
            """
            {"names":["personality"],"action":"SCMP_ACT_ALLOW","comment":"c","includes":{},"excludes":{},
             "args":[{"index":0,"value":4294967295,"valueTwo":0,"op":"SCMP_CMP_EQ"}]},
            {"names":["bdflush"],"action":"SCMP_ACT_ERRNO","args":null,"errnoRet":1,"errno":"EPERM"}
            """
        ).rules(capabilities: [], on: Self.amd64)
        #expect(
            rules == [
                "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38,
                "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
                "syscalls": [
                    [
                        "names": ["personality"], "action": "SCMP_ACT_ALLOW",
                        "args": [["index": 0, "value": 4_294_967_295, "valueTwo": 0, "op": "SCMP_CMP_EQ"]],
                    ],
                    ["names": ["bdflush"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1],
                ],
            ]
        )
    }

    /// Each condition met and not met.
    @Test(arguments: [
        (#""includes":{"arches":["amd64","x32"]}"#, true), (#""includes":{"arches":["arm64"]}"#, false),
        (#""excludes":{"arches":["amd64"]}"#, false), (#""excludes":{"arches":["arm"]}"#, true),
        (#""includes":{"caps":["CAP_KILL"]}"#, true), (#""includes":{"caps":["CAP_KILL","CAP_BPF"]}"#, false),
        (#""excludes":{"caps":["CAP_KILL"]}"#, false), (#""excludes":{"caps":["CAP_BPF"]}"#, true),
        (#""includes":{"minKernel":"4.8"}"#, false), (#""includes":null,"excludes":{}"#, true),
    ])
    func `a rule holds where its conditions do`(_ row: (String, Bool)) throws {
        let rules = try profile(#"{"names":["a"],"action":"SCMP_ACT_ALLOW",\#(row.0)}"#)
            .rules(capabilities: ["KILL"], on: Self.amd64)
        #expect(rules["syscalls"]?.array?.isEmpty == !row.1)
    }

    @Test func `a prohibition whose condition nobody knows holds`() throws {
        let rules = try profile(
            #"{"names":["a"],"action":"SCMP_ACT_ERRNO","includes":{"minKernel":"4.8"}}"#
        ).rules(capabilities: [], on: Self.amd64)
        #expect(rules["syscalls"]?.array?.count == 1)
    }

    @Test(arguments: [
        "", "[]", "{}", #"{"defaultAction":"x","syscalls":[{}]}"#, #"{"defaultAction":"x","syscalls":1}"#,
    ])
    func `what is no profile is refused`(_ text: String) {
        #expect(throws: OCIError.self) { try SeccompProfile(Array(text.utf8)) }
    }

    @Test func `without a profile of the host what reaches beyond a container is forbidden`() {
        func forbidden(_ capabilities: Set<String>) -> Set<String> {
            let rules = SeccompProfile.builtIn.rules(capabilities: capabilities, on: Self.amd64)
            return Set(
                (rules["syscalls"]?.array ?? []).flatMap { ($0["names"]?.array ?? []).compactMap(\.string) }
            )
        }
        #expect(forbidden([]).isSuperset(of: ["mount", "reboot", "init_module", "bpf", "keyctl", "unshare"]))
        #expect(!forbidden(["SYS_ADMIN"]).contains("mount"))
        #expect(forbidden(["SYS_ADMIN"]).isSuperset(of: ["reboot", "keyctl"]))
    }
}
