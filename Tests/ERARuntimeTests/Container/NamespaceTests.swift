import ERAContracts
import ERACore
import ERAOCI
import Glibc
import Testing

@testable import ERARuntime

/// Containers in user namespaces, as a daemon that is not root has them; here of root, with a single user.
@Suite(
    .enabled(if: ContainerHost.isPossible, "needs root, runc and busybox-static"),
    .timeLimit(.minutes(5))
)
struct NamespaceTests {
    @Test func `root of the container is our user, and there is no other`() async throws {
        try await ContainerHost.with(inNamespace: true) { containers in
            let script = """
                busybox id -u; busybox tr -s ' ' < /proc/self/uid_map; busybox cat /proc/self/setgroups
                busybox mount -t tmpfs x /tmp 2>/dev/null || echo no mount
                busybox grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status | busybox tr -d '\\t '
                """
            let said = try await containers.says(try containers.instance(script))
            #expect(said == "0\n 0 0 1\ndeny\nno mount\nNoNewPrivs:1\nSeccomp:2\n", "\(said)")
        }
    }

    @Test func `another user than root is refused where there is none, with what to install`() async throws {
        try await ContainerHost.with(inNamespace: true) { containers in
            let instance = try containers.instance("", image: #""User":"web""#)
            let failure = await #expect(throws: Failure.self) {
                _ = try await containers.plugin().install(instance)
            }
            #expect(failure?.code == .userMissing)
            #expect(failure?.persistence == .permanent)
            let message = failure?.message ?? ""
            #expect(message.contains("101:102") && message.contains("root is the only one"), "\(message)")
            #expect(message.contains("uidmap") || message.contains("/etc/subuid"), "\(message)")
        }
    }

    @Test func `users are those of the namespace that a start is given, whatever was found since`()
        async throws
    {
        try await ContainerHost.with(inNamespace: true) { containers in
            let plugin = containers.plugin()
            let single = try #require(try await plugin.namespaces?.find())
            let range = UserNamespace(
                mapping: try #require(
                    UserMapping(
                        user: 0,
                        group: 0,
                        name: "us",
                        subuid: Array("us:100000:65536\n".utf8),
                        subgid: Array("us:100000:65536\n".utf8)
                    )
                ),
                maps: [],
                advice: nil,
                shimPath: single.shimPath,
                searchPath: single.searchPath
            )
            let instance = try containers.instance("", image: #""User":"web""#)
            let root = containers.host.root + "/image"
            try await TreeUnpacker().unpack([], into: root) { _ in }
            let image = try StoredImage(try #require(instance.artifact)).config
            #expect(try plugin.words(instance, image, root: root, in: range).user.user == 101)
            #expect(throws: Failure.self) { try plugin.words(instance, image, root: root, in: single) }
        }
    }

    @Test(.enabled(if: ContainerGroups(groups: nil, isRootless: true).controllers.isEmpty))
    func `limits that nobody delegated are not enforced, and the status says so`() async throws {
        try await ContainerHost.with(inNamespace: true) { containers in
            let plugin = containers.plugin()
            let instance = try containers.instance("exec busybox sleep 1000") { spec in
                spec.resources = ResourceLimits(memory: ByteCount(32 << 20), pids: 16)
            }
            try await containers.run(instance, plugin)
            let restrictions = try await plugin.status(instance.id).restrictions
            #expect(restrictions.count == 2)
            #expect(restrictions.allSatisfy { $0.contains("delegated") }, "\(restrictions)")
        }
    }

    @Test func `a container neither sees the host's groups nor changes its /sys`() async throws {
        try await ContainerHost.with(inNamespace: true) { containers in
            let script = """
                busybox ls /sys/fs/cgroup; (echo x > /sys/kernel/notes) 2>/dev/null || echo read only
                busybox ls /sys/class/net | busybox grep -c lo
                """
            let said = try await containers.says(try containers.instance(script))
            #expect(said == "read only\n1\n", "\(said)")
            let alone = try containers.instance(
                "busybox ls /sys/class/net",
                name: "alone",
                config: ["network": "none"]
            )
            #expect(try await containers.says(alone) == "lo\n")
        }
    }

    @Test func `without overlays each run has a copy of its own, and all of it is removed`() async throws {
        try await ContainerHost.with { containers in
            // The options of an overlay give a comma a meaning.
            let host = ContainerHost(
                host: ProcessHost(root: containers.host.root + "/a,b"),
                inNamespace: true
            )
            makeDirectories(host.host.dataDirectory + "/artifacts/blobs/sha256")
            let instance = try host.instance(
                "echo 1 > /data/x && busybox cat /data/x; busybox stat -c %a /tmp"
            )
            #expect(try await host.says(instance) == "1\n1777\n")
            #expect(access("\(instance.directory)/container/root/data/x", F_OK) == 0)
            try await host.plugin().delete(instance.id)
            #expect(access("\(instance.directory)/container", F_OK) != 0)
        }
    }

    @Test func `a score that only root may lower is not lowered, and the container starts`() async throws {
        try await ContainerHost.with(inNamespace: true) { containers in
            let own = text(of: "/proc/self/oom_score_adj")
            let instance = try containers.instance(
                "busybox cat /proc/self/oom_score_adj",
                config: ["oomScoreAdjust": -900]
            )
            #expect(try await containers.says(instance) == own)
        }
    }

    @Test func `crun is refused without root, and its name says what to do`() async throws {
        try await ContainerHost.with(inNamespace: true) { containers in
            var spec = try containers.instance("").spec
            spec.runtime.config = ["engine": "crun"]
            let problems = try await containers.plugin().validate(spec)
            #expect(problems.map(\.field) == ["spec.runtime.config.engine"])
            #expect(problems.first?.message.contains("install runc") == true, "\(problems)")
        }
    }

    @Test func `a host without namespaces is refused, with what to do`() async throws {
        try await ContainerHost.with { containers in
            let failing = containers.host.root + "/shim"
            write("#!/bin/sh\necho 'cannot make a user namespace: no' >&2\nexit 125\n", to: failing)
            chmod(failing, 0o755)
            let namespaces = UserNamespaces(shimPath: failing, searchPath: ["/usr/bin"], areForced: true)
            let found = await ContainerPlugin.survey(searchPath: ["/usr/sbin"], namespaces: namespaces)
            #expect(!found.isUsable)
            #expect(found.text.contains("no; run ERA as root"), "\(found.text)")
        }
    }

    @Test(
        arguments: [
            .progress(.queued), .progress(StepProgress(done: ByteCount(5), total: ByteCount(7))),
            .failed(.permanent(.unsafeArchive, "layer 1 is refused: \"a b\"; build it anew")),
            .failed(.transient(.noSpace, "no room")),
        ] as [UnpackReport]
    )
    func `what an unpacking process says is read as it was meant`(report: UnpackReport) {
        #expect(UnpackReport(line: report.line) == report)
    }

    @Test(arguments: [
        "", "progress", "progress x 5", "progress 5", "failed now NoSpace x", "failed", "hello",
    ])
    func `any other line is none of it`(line: String) {
        #expect(UnpackReport(line: line) == nil)
    }

    @Test func `what an unpacking process is to do is read as it was meant`() throws {
        let digest = try Digest("sha256:" + String(repeating: "a", count: 64))
        let layer = ImageLayer(path: "/a b", size: ByteCount(7), diffID: digest)
        let request = UnpackRequest([layer, layer], into: "/data/x y", userCount: 1, groupCount: 5)
        #expect(UnpackRequest(arguments: request.arguments) == request)
        let wrong = [
            [], ["/x"], ["/x", "1", "-1"], ["/x", "1", "1", "/a"], ["/x", "1", "1", "/a", "no", "\(digest)"],
            ["/x", "1", "1", "/a", "1", "sha256:a"],
        ]
        for arguments in wrong { #expect(UnpackRequest(arguments: arguments) == nil) }
    }
}
