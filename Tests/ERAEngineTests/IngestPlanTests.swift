import ERAContracts
import ERACore
import Testing

@testable import ERAEngine

@Suite struct IngestPlanTests {
    private static let source = SourceID("directory:/m")
    private static let other = SourceID("git:/r")

    private func key(_ name: String) -> DeploymentKey { DeploymentKey(name: DeploymentName(checked: name)) }

    private func wanted(_ name: String, _ path: String, dependsOn: [String] = []) throws
        -> IngestPlan.Wanted
    {
        var spec = DeploymentSpec(
            version: try SemanticVersion("1.0.0"),
            runtime: RuntimeSpec(plugin: .process),
            command: ["run"]
        )
        spec.dependsOn = dependsOn.map { Dependency(name: DeploymentName(checked: $0)) }
        let deployment = Deployment(metadata: Metadata(name: DeploymentName(checked: name)), spec: spec)
        return IngestPlan.Wanted(deployment: deployment, path: path)
    }

    private func known(
        _ path: String?,
        from source: SourceID = Self.source,
        isBeingRemoved: Bool = false,
        dependencies: [DeploymentKey] = []
    ) -> IngestPlan.Known {
        IngestPlan.Known(
            origin: Origin(source: source.rawValue, path: path),
            isBeingRemoved: isBeingRemoved,
            dependencies: dependencies
        )
    }

    private func plan(
        _ declared: [IngestPlan.Wanted],
        known: [DeploymentKey: IngestPlan.Known] = [:],
        _ change: (inout IngestPlan.Input) -> Void = { _ in }
    ) -> IngestPlan {
        var input = IngestPlan.Input(
            source: Self.source,
            declared: declared,
            mentioned: [],
            unusable: [],
            known: known,
            claimed: [:],
            confirmed: []
        )
        change(&input)
        return IngestPlan(input)
    }

    @Test func `one name in two files is applied from neither, and both are told`() throws {
        let plan = plan(
            [try wanted("a", "x.yaml"), try wanted("a", "y.yaml"), try wanted("b", "x.yaml")],
            known: [key("a"): known("x.yaml")]
        )
        #expect(plan.declare.map(\.deployment.key) == [key("b")])
        #expect(plan.delete == [])
        #expect(plan.problems.map(\.path) == ["x.yaml", "y.yaml"])
        #expect(plan.problems[0].message.contains("in y.yaml as well"))
    }

    @Test func `one name twice in a file is said so`() throws {
        let plan = plan([try wanted("a", "x.yaml"), try wanted("a", "x.yaml")])
        #expect(plan.declare == [])
        #expect(
            plan.problems.map(\.message) == [
                "default/a is declared more than once in this file; none of them is applied, remove one"
            ]
        )
    }

    @Test func `what another source owns is refused with its place`() throws {
        let owner = Origin(source: Self.other.rawValue, path: "a.yaml")
        let plan = plan([try wanted("a", "x.yaml")], known: [key("a"): known("a.yaml", from: Self.other)]) {
            $0.claimed = [key("a"): owner]
        }
        #expect(plan.declare == [])
        #expect(plan.problems.first?.message.contains("git:/r/a.yaml") == true)
    }

    @Test func `what the API owns is left to it until it is deleted`() throws {
        let mine = known(nil, from: .api)
        #expect(plan([try wanted("a", "x.yaml")], known: [key("a"): mine]).declare == [])
        let going = known(nil, from: .api, isBeingRemoved: true)
        #expect(plan([try wanted("a", "x.yaml")], known: [key("a"): going]).declare.count == 1)
    }

    @Test func `a deployment that moves to another file is declared, not deleted`() throws {
        let plan = plan([try wanted("a", "new.yaml")], known: [key("a"): known("old.yaml")])
        #expect(plan.declare.map(\.path) == ["new.yaml"])
        #expect(plan.delete == [] && plan.held == [])
    }

    @Test func `what another source wants as well is handed over, not deleted`() throws {
        let plan = plan(
            [try wanted("b", "b.yaml")],
            known: [key("a"): known("a.yaml"), key("b"): known("b.yaml")]
        ) {
            $0.wantedElsewhere = [key("a")]
        }
        #expect(plan.released == [key("a")])
        #expect(plan.delete == [] && plan.held == [])
    }

    @Test func `a broken file protects what it declared and what it mentions`() throws {
        let records = ["a", "b", "c", "d"].map { (key($0), known("\($0).yaml")) }
        let plan = plan(
            [try wanted("c", "c.yaml"), try wanted("d", "d.yaml")],
            known: Dictionary(uniqueKeysWithValues: records)
        ) {
            $0.unusable = ["a.yaml"]
            $0.mentioned = [key("b")]
        }
        #expect(plan.delete == [] && plan.held == [])
    }

    @Test func `while a new file is not readable nothing is deleted, for it may be what moved there`() throws
    {
        let plan = plan(
            [try wanted("b", "b.yaml")],
            known: [key("a"): known("a.yaml"), key("b"): known("b.yaml")]
        ) { $0.hasUnknownFile = true }
        #expect(plan.delete == [] && plan.held == [])
    }

    /// More than one and more than 30 %, or all (reliability.md §1, "directory missing, … or suddenly empty").
    @Test(arguments: [
        (0, 0, false), (0, 5, false), (1, 1, true), (1, 2, false), (1, 100, false), (2, 2, true),
        (2, 6, true), (2, 7, false), (3, 10, false), (4, 10, true), (30, 100, false), (31, 100, true),
        (100, 100, true),
    ])
    func `the prune guard holds what looks like an accident`(_ missing: Int, _ owned: Int, _ isHeld: Bool)
        throws
    {
        #expect(pruneNeedsConfirmation(missing, of: owned) == isHeld)
        let names = (0..<owned).map { "n\($0)" }
        let records = names.map { (key($0), known("\($0).yaml")) }
        let rest = try names.dropFirst(missing).map { try wanted($0, "\($0).yaml") }
        let plan = plan(rest, known: Dictionary(uniqueKeysWithValues: records))
        #expect(plan.held.count == (isHeld ? missing : 0))
        #expect(plan.delete.count == (isHeld ? 0 : missing))
    }

    @Test func `what a person confirmed is deleted, and new losses wait again`() throws {
        let records = ["a", "b", "c", "d"].map { (key($0), known("\($0).yaml")) }
        let plan = plan([], known: Dictionary(uniqueKeysWithValues: records)) {
            $0.confirmed = [key("a"), key("b")]
        }
        #expect(plan.delete == [key("a"), key("b")])
        #expect(plan.held == [key("c"), key("d")])
    }

    @Test func `what other sources declared is never pruned`() throws {
        let plan = plan(
            [],
            known: [key("a"): known("a.yaml", from: Self.other), key("b"): known(nil, from: .api)]
        )
        #expect(plan == self.plan([]))
    }

    @Test func `a circle of dependencies is refused in every file on it, and only there`() throws {
        let plan = plan(
            [
                try wanted("a", "a.yaml", dependsOn: ["b"]), try wanted("b", "b.yaml", dependsOn: ["c"]),
                try wanted("d", "a.yaml", dependsOn: ["a"]),
            ],
            known: [key("c"): known("c.yaml", from: Self.other, dependencies: [key("a")])]
        )
        #expect(plan.declare.map(\.deployment.key) == [key("d")])
        #expect(plan.problems.map(\.path) == ["a.yaml", "b.yaml"])
        #expect(plan.problems[0].message.contains("default/a → default/b → default/c → default/a"))
    }

    @Test func `a deployment that depends on itself is refused`() throws {
        let plan = plan([try wanted("a", "a.yaml", dependsOn: ["a"])])
        #expect(plan.declare == [])
        #expect(plan.problems.count == 1)
    }

    /// A file of 1 MiB can declare a circle of ten thousand: found in seconds, in a message that can be read.
    @Test(.timeLimit(.minutes(1))) func `a huge circle is refused in bounded time`() throws {
        let count = 2000
        let circle = try (0..<count).map {
            try wanted("n\($0)", "x.yaml", dependsOn: ["n\(($0 + 1) % count)"])
        }
        let plan = plan(circle)
        #expect(plan.declare == [])
        #expect(plan.problems.count == count)
        #expect(plan.problems.allSatisfy { $0.message.utf8.count < 300 })
    }
}
