import ERACore
import Testing

@testable import ERARuntime

@Suite struct ControlGroupsTests {
    @Test(arguments: [
        ("/", true, ["/era", "/era"]),
        ("/system.slice/era.service", true, ["/era", "/system.slice/era.service/era"]),
        (
            "/user.slice/user-1000.slice/user@1000.service/app.slice/era.service", false,
            [
                "/user.slice/user-1000.slice/user@1000.service/app.slice/era",
                "/user.slice/user-1000.slice/user@1000.service/app.slice/era.service/era",
            ]
        ),
        ("/", false, ["/era", "/era"]),
    ])
    func `our group is not in the daemon's own, where that can be`(
        _ own: String,
        _ isRoot: Bool,
        _ expected: [String]
    ) {
        #expect(ControlGroups.candidates(own: own, isRoot: isRoot) == expected)
    }

    @Test func `each limit is written as the kernel reads it`() {
        let limits = ResourceLimits(memory: ByteCount(256 << 20), cpu: CPUShare(millicores: 500), pids: 64)
        #expect(
            ControlGroups.settings(limits).map { "\($0.controller).max \($0.value)" } == [
                "memory.max 268435456", "cpu.max 50000 100000", "pids.max 64",
            ]
        )
        // The kernel refuses a quota below a millisecond.
        let least = ResourceLimits(cpu: CPUShare(millicores: 1))
        #expect(ControlGroups.settings(least).map(\.value) == ["1000 100000"])
        #expect(ControlGroups.settings(ResourceLimits()).isEmpty)
        #expect(
            ControlGroups.restrictions(without: least) == [
                "cpu limit not enforced: no writable cgroup v2 hierarchy"
            ]
        )
    }
}
