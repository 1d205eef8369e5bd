import ERAAPI
import ERACore
import ERAManifest
import Testing

@testable import era

@Suite struct `A plan` {
    private func deployment(_ spec: JSONValue, labels: JSONValue? = nil) throws -> Deployment {
        var metadata: [String: JSONValue] = ["name": "web"]
        metadata["labels"] = labels
        let (deployment, problems) = ManifestDecoding.deployment(from: [
            "apiVersion": "era.dev/v1", "kind": "Deployment", "metadata": .object(metadata), "spec": spec,
        ])
        return try #require(deployment, "\(problems)")
    }

    private func spec(_ more: [String: JSONValue] = [:]) -> JSONValue {
        .object((Samples.spec().object ?? [:]).merging(more) { _, new in new })
    }

    @Test func `creates what is not there`() throws {
        let plan = DeploymentPlan(try deployment(spec()), present: nil)
        #expect(plan.effect == .create)
        #expect(plan.downtime.hasPrefix("none"))
        #expect(!plan.steps.contains { $0.hasPrefix("stop") })
    }

    @Test func `changes nothing when a default is written down`() throws {
        let written = try deployment(spec(["workingDirectory": ".", "suspend": false]))
        let plan = DeploymentPlan(written, present: try Samples.object())
        #expect(plan.effect == .unchanged)
        #expect(plan.changes.isEmpty && plan.steps.isEmpty)
    }

    @Test func `replaces what runs when the program changes, and stops it last`() throws {
        let present = try Samples.object(status: ["servingRevision": 1])
        let plan = DeploymentPlan(try deployment(spec(["version": "2.0.0"])), present: present)
        #expect(plan.effect == .update)
        #expect(plan.changes == [FieldChange(path: "spec.version", old: "1.0.0", new: "2.0.0")])
        let stop = try #require(plan.steps.firstIndex { $0.hasPrefix("stop") })
        let prepare = try #require(plan.steps.firstIndex { $0.hasPrefix("prepare") })
        let start = try #require(plan.steps.firstIndex { $0.hasPrefix("start") })
        #expect(prepare < stop && stop < start)
        #expect(plan.downtime.hasPrefix("short"))
    }

    @Test func `does not touch what runs when only its handling or its labels change`() throws {
        let present = try Samples.object(status: ["servingRevision": 1])
        for changed in [
            try deployment(spec(["retry": ["limit": 7]])), try deployment(spec(), labels: ["a": "b"]),
            try deployment(spec(["suspend": true])),
        ] {
            let plan = DeploymentPlan(changed, present: present)
            #expect(plan.effect == .adjust)
            #expect(plan.steps.isEmpty)
            #expect(plan.changes.count == 1)
        }
    }

    @Test func `says that sockets stay open only when all of them do`() throws {
        let present = try Samples.object(status: ["servingRevision": 1])
        func port(_ number: Int64, _ passes: Bool) -> JSONValue {
            ["name": .string("p\(number)"), "port": .integer(number), "passSocket": .boolean(passes)]
        }
        let all = try deployment(spec(["ports": [port(1, true), port(2, true)]]))
        let some = try deployment(spec(["ports": [port(1, true), port(2, false)]]))
        #expect(DeploymentPlan(all, present: present).downtime.hasPrefix("none for clients"))
        #expect(DeploymentPlan(some, present: present).downtime.hasPrefix("short"))
    }

    @Test func `promises no steps where none follow`() throws {
        let suspended = try Samples.object(status: ["suspended": true, "servingRevision": 1])
        let plan = DeploymentPlan(try deployment(spec(["version": "2.0.0"])), present: suspended)
        #expect(plan.steps.isEmpty)
        #expect(plan.notes.contains { $0.contains("era resume") })
    }

    @Test func `names the place where a deployment is declared`() throws {
        let origin: JSONValue = ["source": "directory:/etc/era/manifests", "path": "web.yaml"]
        let present = try Samples.object(status: ["origin": origin])
        let plan = DeploymentPlan(try deployment(spec()), present: present)
        #expect(plan.notes.contains { $0.contains("directory:/etc/era/manifests/web.yaml") })
    }

    @Test func `names fields by their paths`() {
        let changes = FieldChange.between(
            ["a": ["b": [1, 2]], "gone": true, "list": [1]],
            ["a": ["b": [1, 3]], "new": "x", "list": [1, 2]],
            at: ""
        )
        #expect(changes.map(\.path) == ["a.b[1]", "gone", "list", "new"])
        #expect(changes.map(\.text)[0] == "a.b[1]: 2 → 3")
    }
}

@Suite struct `A difference of texts` {
    private func text(_ old: [String], _ new: [String]) -> String {
        LineDiff(old.joined(separator: "\n"), new.joined(separator: "\n")).text(Samples.plain)
    }

    @Test func `is empty between equal texts`() {
        #expect(LineDiff("a\nb", "a\nb").isEmpty)
        #expect(text(["a"], ["a"]) == "")
    }

    @Test func `shows a change among three lines on either side`() {
        let old = (1...9).map { "line \($0)" }
        var new = old
        new[4] = "changed"
        let expected = """
            @@ -2,7 +2,7 @@
             line 2
             line 3
             line 4
            -line 5
            +changed
             line 6
             line 7
             line 8

            """
        #expect(text(old, new) == expected)
    }

    @Test func `makes two hunks of changes that are far from each other`() {
        let old = (1...30).map { "\($0)" }
        var new = old
        new[2] = "x"
        new.remove(at: 25)
        let hunks = text(old, new).split(separator: "\n").filter { $0.hasPrefix("@@") }
        #expect(hunks == ["@@ -1,6 +1,6 @@", "@@ -23,7 +23,6 @@"])
    }

    @Test(arguments: [(["a"], []), ([], ["a"]), (["a", "b"], ["b", "a"]), (["a", "a"], ["a"])])
    func `turns the one text into the other`(_ old: [String], _ new: [String]) {
        let lines = LineDiff(old.joined(separator: "\n"), new.joined(separator: "\n")).lines
        var (before, after): ([String], [String]) = ([], [])
        for line in lines {
            switch line {
            case .same(let content):
                before.append(content)
                after.append(content)
            case .removed(let content): before.append(content)
            case .added(let content): after.append(content)
            }
        }
        #expect(before.joined(separator: "\n") == old.joined(separator: "\n"))
        #expect(after.joined(separator: "\n") == new.joined(separator: "\n"))
    }
}
