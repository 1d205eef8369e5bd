import ERAAPI
import ERAContracts
import ERACore
import Testing

@Suite struct ContractsJSONTests {
    @Test func `a source is read back as it was written`() throws {
        let source = SourceStatus(
            id: SourceID("directory:/etc/era/manifests"),
            revision: "sha256:1",
            readAt: Samples.start.wall,
            unavailable: "permission denied",
            files: [
                .init(path: "web.yaml", deployments: [Samples.key], problems: ["web.yaml:1:1: error: x"]),
                .init(path: "new.yaml", deployments: [], problems: [], isSettling: true),
            ],
            heldPrunes: [Samples.key]
        )
        #expect(try SourceStatus(apiObject: source.apiObject) == source)
        let bare = SourceStatus(
            id: .api,
            revision: nil,
            readAt: nil,
            unavailable: nil,
            files: [],
            heldPrunes: []
        )
        #expect(try SourceStatus(apiObject: bare.apiObject) == bare)
    }

    @Test func `a plugin is read back as it was written, without capabilities that nobody here knows`() throws
    {
        let plugin = PluginDescription(
            name: .process,
            version: try SemanticVersion("1.0.0"),
            capabilities: [.logs, .passSocket],
            configSchema: ["type": "object"],
            details: ["cgroup": "v2"]
        )
        #expect(try PluginDescription(apiObject: plugin.apiObject) == plugin)
        let newer = plugin.apiObject.merging(["status": ["capabilities": ["logs", "teleport"]]])
        #expect(try PluginDescription(apiObject: newer).capabilities == [.logs])
    }

    @Test func `a plugin that is refused is read back with why, and is none that can be used`() throws {
        let refused = ListedPlugin.refused(
            RefusedPlugin(name: .process, path: "/p/era-plugin-process", reason: "is a symbolic link")
        )
        #expect(refused.apiObject["status"]?["refused"] == "is a symbolic link")
        #expect(try ListedPlugin(apiObject: refused.apiObject) == refused)
        #expect(throws: InvalidObject.self) { try PluginDescription(apiObject: refused.apiObject) }
    }

    @Test func `health is read back as it was written`() throws {
        let health = EngineHealth(
            isReady: true,
            degraded: "no space",
            startedAt: Samples.start.wall,
            phases: [.running: 3, .failed: 1],
            busy: 2
        )
        #expect(try EngineHealth(apiObject: health.apiObject) == health)
    }

    @Test func `the version is that of Kubernetes, with ERA's beside it`() throws {
        let version = VersionObject(era: "0.1.0", kubernetes: "v1.33.0")
        #expect(version.apiObject["major"] == "1")
        #expect(version.apiObject["minor"] == "33")
        #expect(version.apiObject["gitVersion"] == "v1.33.0+era-0.1.0")
        #expect(try VersionObject(apiObject: version.apiObject) == version)
    }

    @Test(
        arguments: [[:], ["kind": "Source"], ["kind": "Plugin", "metadata": ["name": "x"]], .null]
            as [JSONValue]
    )
    func `objects of other shapes are refused`(json: JSONValue) {
        #expect(throws: InvalidObject.self) { try SourceStatus(apiObject: json) }
        #expect(throws: InvalidObject.self) { try PluginDescription(apiObject: json) }
        #expect(throws: InvalidObject.self) { try ListedPlugin(apiObject: json) }
        #expect(throws: InvalidObject.self) { try EngineHealth(apiObject: json) }
        #expect(throws: InvalidObject.self) { try VersionObject(apiObject: json) }
        #expect(throws: InvalidObject.self) { try DeploymentObjectList(json) }
    }

    @Test func `watch lines are read back as they were written`() throws {
        let object = Samples.view(try Samples.running()).object(at: Samples.start)
        let events: [WatchEvent] = [
            .added(object), .modified(object), .deleted(object),
            .bookmark(resourceVersion: "9", endsInitialEvents: true),
            .bookmark(resourceVersion: "9", endsInitialEvents: false),
        ]
        for event in events { #expect(try WatchEvent(json: event.json) == event) }
    }

    @Test func `an ERROR line is thrown as its status`() {
        let status = APIStatus.expired(ResourceVersion(1), current: ResourceVersion(2))
        #expect(throws: status) { try WatchEvent(json: ["type": "ERROR", "object": status.json]) }
        #expect(throws: InvalidObject.self) { try WatchEvent(json: ["type": "DANCED", "object": [:]]) }
        #expect(throws: InvalidObject.self) { try WatchEvent(json: []) }
    }

    @Test func `metrics count phases and restarts`() throws {
        let health = EngineHealth(
            isReady: true,
            degraded: nil,
            startedAt: Samples.start.wall,
            phases: [.running: 1],
            busy: 0
        )
        let list = DeploymentList(
            views: [Samples.view(try Samples.running())],
            resourceVersion: ResourceVersion(1)
        )
        let lines = Set(Metrics.text(health, list, watchers: 4).split(separator: "\n"))
        #expect(lines.contains("era_deployments{phase=\"Running\"} 1"))
        #expect(lines.contains("era_deployments{phase=\"Failed\"} 0"))
        #expect(lines.contains("era_deployment_ready{namespace=\"default\",name=\"web\"} 1"))
        #expect(lines.contains("era_deployment_restarts_total{namespace=\"default\",name=\"web\"} 0"))
        #expect(lines.contains("era_api_watchers 4"))
        #expect(lines.contains("era_start_time_seconds 1767323045"))
    }

    @Test func `discovery offers deployments to kubectl in both forms`() {
        let row = Discovery.ownResources["resources"]?.array?.first
        #expect(row?["name"] == "deployments")
        #expect(row?["singularName"] == "deployment")
        #expect(row?["shortNames"] == ["ed"])
        #expect(row?["categories"] == ["all", "era"])
        #expect(row?["namespaced"] == true)
        let group = Discovery.aggregatedGroups("v2")["items"]?.array?.first
        #expect(group?["metadata"]?["name"] == "era.dev")
        let resource = group?["versions"]?.array?.first?["resources"]?.array?.first
        #expect(resource?["responseKind"] == ["group": "era.dev", "version": "v1", "kind": "Deployment"])
        #expect(resource?["scope"] == "Namespaced")
        #expect(Discovery.aggregatedCore("v2beta1")["apiVersion"] == "apidiscovery.k8s.io/v2beta1")
    }
}
