import ERAAPI
import ERAContracts
import ERACore
import Testing

@testable import era

@Suite struct DaemonChecksTests {
    private func source(_ change: (inout SourceStatus) -> Void = { _ in }) -> SourceStatus {
        var source = SourceStatus(
            id: SourceID("directory:/etc/era/manifests"),
            revision: "1",
            readAt: nil,
            unavailable: nil,
            files: [SourceStatus.File(path: "web.yaml", deployments: [], problems: [])],
            heldPrunes: []
        )
        change(&source)
        return source
    }

    @Test func `a source in order is not worth a line`() {
        #expect(DaemonChecks.sources([source()]).isEmpty)
    }

    @Test func `names what is not applied, not read or not deleted, and what to do`() throws {
        let key = DeploymentKey(name: try DeploymentName("web"))
        let findings = DaemonChecks.sources([
            source { $0.unavailable = "cannot read the manifests; make the directory" },
            source { $0.files[0].problems = ["web.yaml:1:1: error: no kind"] },
            source { $0.heldPrunes = [key] },
        ])
        #expect(findings.map(\.verdict) == [.problem, .warning, .warning])
        #expect(findings.allSatisfy { $0.subject == "directory:/etc/era/manifests" })
        #expect(findings[0].message == "cannot read the manifests; make the directory")
        #expect(findings[1].message.contains("web.yaml"))
        #expect(findings[2].message.contains("default/web") && findings[2].message.contains("--confirm"))
    }

    private let listed: [ListedPlugin] = [
        .usable(
            PluginDescription(
                name: .process,
                version: SemanticVersion(major: 1, minor: 0, patch: 0),
                capabilities: [.logs, .user],
                configSchema: [:]
            )
        ),
        .refused(
            RefusedPlugin(
                name: PluginName(checked: "site"),
                path: "/plugins/era-plugin-site",
                reason: "is a symbolic link;\nput the file itself there"
            )
        ),
    ]

    @Test func `names the plugins that are not used, and what to do`() {
        let warning = Finding.warning(
            "plugin site",
            "not used: /plugins/era-plugin-site is a symbolic link; put the file itself there"
        )
        #expect(DaemonChecks.plugins(listed) == [warning])
    }

    @Test func `the list of plugins says why one is refused, in a row of its own`() {
        #expect(
            ListPluginsCommand.table(listed).lines(Samples.plain) == [
                "NAME      VERSION   CAPABILITIES, OR WHY IT IS REFUSED",
                "process   1.0.0     logs, user",
                "site      refused   /plugins/era-plugin-site is a symbolic link; put the file itself there",
            ]
        )
        let usual = ListPluginsCommand.table([listed[0]]).lines(Samples.plain)
        #expect(usual[0] == "NAME      VERSION   CAPABILITIES")
    }

    @Test func `says whether the daemon can write and has looked at everything`() {
        var health = EngineHealth(
            isReady: true,
            degraded: nil,
            startedAt: WallTime(sinceEpoch: .zero),
            phases: [.running: 2],
            busy: 1
        )
        let version = VersionObject(era: Era.version, kubernetes: "v1.33.0")
        #expect(
            DaemonChecks.daemon(version, health) == [.good("daemon", "answers; 2 deployments, 1 busy")]
        )
        health.isReady = false
        #expect(DaemonChecks.daemon(version, health).map(\.verdict) == [.warning])
        health.degraded = "no space"
        #expect(DaemonChecks.daemon(version, health).map(\.verdict) == [.problem])
    }
}
