public import ERACore
import ERAManifest

/// Which system calls a container may make, as containers-common and docker write it down: with conditions.
///
/// Source: containers-common, `pkg/seccomp`; the conditions are resolved as its `setupSeccomp` does it.
public struct SeccompProfile: Hashable, Sendable {
    /// The most bytes of a profile.
    public static let sizeLimit = 1 << 20

    private let profile: JSONValue

    /// - Throws: ``OCIError`` for what is no profile.
    public init(_ text: [UInt8]) throws(OCIError) {
        let object = try ObjectReader(text: text, limit: Self.sizeLimit, at: "seccomp profile")
        _ = try object.text("defaultAction")
        for rule in try object.objects("syscalls", limit: 10_000) {
            guard try rule.optionalTexts("names")?.isEmpty == false else {
                throw .malformed("\(rule.place).names is missing")
            }
            _ = try rule.text("action")
        }
        profile = .object(object.members)
    }

    private init(known profile: JSONValue) { self.profile = profile }

    /// `linux.seccomp` of a container's configuration: the rules that hold for it.
    ///
    /// - Parameters:
    ///   - capabilities: That the container is granted; names without `CAP_`.
    ///   - platform: Whose architectures are let in.
    public func rules(capabilities: Set<String>, on platform: Platform) -> JSONValue {
        let held = Set(ContainerCapabilities.list(capabilities))
        var members: [String: JSONValue] = [
            "defaultAction": profile["defaultAction"] ?? "SCMP_ACT_ERRNO",
            "syscalls": .array(
                (profile["syscalls"]?.array ?? [])
                    .filter { Self.holds($0, held: held, architecture: platform.architecture) }.map(Self.rule)
            ),
        ]
        if let number = profile["defaultErrnoRet"]?.integer { members["defaultErrnoRet"] = .integer(number) }
        let native = Self.native[platform.architecture]
        let map = (profile["archMap"]?.array ?? []).first { $0["architecture"]?.string == native }
        if let native, let map {
            members["architectures"] = .array([.string(native)] + (map["subArchitectures"]?.array ?? []))
        }
        return .object(members)
    }

    private static let native = [
        "amd64": "SCMP_ARCH_X86_64", "arm64": "SCMP_ARCH_AARCH64", "arm": "SCMP_ARCH_ARM",
        "riscv64": "SCMP_ARCH_RISCV64",
    ]

    private static func holds(_ rule: JSONValue, held: Set<String>, architecture: String) -> Bool {
        let (includes, excludes) = (conditions(rule["includes"]), conditions(rule["excludes"]))
        // A condition that nobody here knows is not met: what it would allow stays forbidden.
        guard includes.isKnown, excludes.isKnown else { return rule["action"]?.string != "SCMP_ACT_ALLOW" }
        return !excludes.architectures.contains(architecture) && excludes.capabilities.isDisjoint(with: held)
            && (includes.architectures.isEmpty || includes.architectures.contains(architecture))
            && includes.capabilities.isSubset(of: held)
    }

    private static func conditions(
        _ value: JSONValue?
    ) -> (architectures: Set<String>, capabilities: Set<String>, isKnown: Bool) {
        let members = value?.object ?? [:]
        func texts(_ name: String) -> Set<String> { Set((members[name]?.array ?? []).compactMap(\.string)) }
        let isKnown = members.keys.allSatisfy { $0 == "arches" || $0 == "caps" }
        return (texts("arches"), texts("caps"), isKnown)
    }

    private static func rule(_ rule: JSONValue) -> JSONValue {
        var members: [String: JSONValue] = [
            "names": rule["names"] ?? [], "action": rule["action"] ?? "SCMP_ACT_ERRNO",
        ]
        if let arguments = rule["args"]?.array, !arguments.isEmpty { members["args"] = .array(arguments) }
        if let number = rule["errnoRet"]?.integer { members["errnoRet"] = .integer(number) }
        return .object(members)
    }

    /// For hosts that bring no profile: everything but what reaches beyond a container.
    ///
    /// A list of what is forbidden, shorter and weaker than podman's list of what is allowed.
    /// Source: docker's documentation, "Significant syscalls blocked by the default profile".
    public static let builtIn: SeccompProfile = {
        func forbidden(_ names: [JSONValue], without capability: JSONValue) -> JSONValue {
            [
                "names": .array(names), "action": "SCMP_ACT_ERRNO", "errnoRet": 1,
                "excludes": ["caps": [capability]],
            ]
        }
        return SeccompProfile(known: [
            "defaultAction": "SCMP_ACT_ALLOW",
            "archMap": [
                [
                    "architecture": "SCMP_ARCH_X86_64",
                    "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"],
                ],
                ["architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]],
            ],
            "syscalls": [
                [
                    "action": "SCMP_ACT_ERRNO", "errnoRet": 1,
                    "names": [
                        "add_key", "keyctl", "request_key", "kexec_load", "kexec_file_load", "nfsservctl",
                        "uselib", "ustat", "sysfs", "_sysctl", "userfaultfd", "vm86", "vm86old",
                        "create_module",
                        "get_kernel_syms", "query_module",
                    ],
                ],
                forbidden(
                    [
                        "bpf", "fsconfig", "fsmount", "fsopen", "fspick", "lookup_dcookie",
                        "mount", "mount_setattr", "move_mount", "open_tree", "perf_event_open", "pivot_root",
                        "quotactl", "setdomainname", "sethostname", "setns", "swapoff", "swapon", "umount",
                        "umount2", "unshare",
                    ],
                    without: "CAP_SYS_ADMIN"
                ),
                forbidden(["delete_module", "finit_module", "init_module"], without: "CAP_SYS_MODULE"),
                forbidden(["acct"], without: "CAP_SYS_PACCT"),
                forbidden(["reboot"], without: "CAP_SYS_BOOT"),
                forbidden(["ioperm", "iopl"], without: "CAP_SYS_RAWIO"),
                forbidden(
                    ["clock_adjtime", "clock_settime", "clock_settime64", "settimeofday", "stime"],
                    without: "CAP_SYS_TIME"
                ),
                forbidden(["kcmp", "process_vm_readv", "process_vm_writev"], without: "CAP_SYS_PTRACE"),
                forbidden(["open_by_handle_at"], without: "CAP_DAC_READ_SEARCH"),
            ],
        ])
    }()
}
