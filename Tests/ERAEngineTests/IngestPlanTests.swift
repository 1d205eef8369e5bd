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

    /// More than one and more than 30 %, or all (reliability.md §1,
    /// "directory missing, … or suddenly empty").
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

    /// A third of everything removed one by one counts as removed at once.
    @Test(arguments: [
        (recent: 0, missing: 1, owned: 10, isHeld: false), (recent: 2, missing: 1, owned: 8, isHeld: false),
        (recent: 3, missing: 1, owned: 7, isHeld: true), (recent: 1, missing: 2, owned: 9, isHeld: false),
        (recent: 30, missing: 1, owned: 70, isHeld: true), (recent: 29, missing: 1, owned: 71, isHeld: false),
        (recent: 1, missing: 1, owned: 1, isHeld: true), (recent: 5, missing: 0, owned: 5, isHeld: false),
    ])
    func `what was pruned a moment ago counts as well`(
        recent: Int,
        missing: Int,
        owned: Int,
        isHeld: Bool
    ) throws {
        let names = (0..<owned).map { "n\($0)" }
        let records = names.map { (key($0), known("\($0).yaml")) }
        let rest = try names.dropFirst(missing).map { try wanted($0, "\($0).yaml") }
        let plan = plan(rest, known: Dictionary(uniqueKeysWithValues: records)) { input in
            input.recentlyPruned = Set((0..<recent).map { key("gone-\($0)") })
        }
        #expect(plan.held.count == (isHeld ? missing : 0))
        #expect(plan.delete.count == (isHeld ? 0 : missing))
    }

    @Test func `what came back after it was pruned does not count`() throws {
        let names = ["a", "b", "c", "d"]
        let records = names.map { (key($0), known("\($0).yaml")) }
        let rest = try names.dropFirst().map { try wanted($0, "\($0).yaml") }
        let plan = plan(rest, known: Dictionary(uniqueKeysWithValues: records)) {
            $0.recentlyPruned = [key("b"), key("c")]
        }
        #expect(plan.delete == [key("a")])
    }

    @Test func `what was held stays held, however few it has become`() throws {
        let names = (0..<20).map { "n\($0)" }
        let records = names.map { (key($0), known("\($0).yaml")) }
        let rest = try names.dropFirst(2).map { try wanted($0, "\($0).yaml") }
        let plan = plan(rest, known: Dictionary(uniqueKeysWithValues: records)) {
            $0.heldBefore = [key("n0"), key("n7")]
        }
        #expect(plan.held == [key("n0")])
        #expect(plan.delete == [key("n1")])
    }

    @Test func `a file that nobody can read holds deletions visibly, until a person confirms them`() throws {
        let names = ["a", "b", "c", "d"]
        let records = Dictionary(uniqueKeysWithValues: names.map { (key($0), known("\($0).yaml")) })
        let rest = try names.dropFirst().map { try wanted($0, "\($0).yaml") }
        let blocked = plan(rest, known: records) { $0.unreadable = ["locked.yaml"] }
        #expect(blocked.delete == [] && blocked.held == [] && blocked.blocked == [key("a")])
        #expect(blocked.problems.map(\.path) == ["locked.yaml"])
        #expect(blocked.problems[0].message.contains("default/a"))
        let confirmed = plan(rest, known: records) { input in
            input.unreadable = ["locked.yaml"]
            input.confirmed = [key("a")]
        }
        #expect(confirmed.delete == [key("a")] && confirmed.problems == [])
        // The control: where nothing is missing, such a file is no more than a file with a problem.
        let all = try names.map { try wanted($0, "\($0).yaml") }
        #expect(plan(all, known: records) { $0.unreadable = ["locked.yaml"] }.problems == [])
    }

    @Test func `a confirmation outlasts a file that is being written`() throws {
        let plan = plan([], known: [key("a"): known("a.yaml"), key("b"): known("b.yaml")]) { input in
            input.hasUnknownFile = true
            input.heldBefore = [key("a"), key("b")]
            input.confirmed = [key("a")]
        }
        #expect(plan.confirmed == [key("a")] && plan.held == [key("b")] && plan.delete == [])
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
