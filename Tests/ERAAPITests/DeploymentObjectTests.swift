import ERAAPI
import ERAContracts
import ERACore
import Testing

@Suite struct DeploymentObjectTests {
    @Test func `a running deployment shows everything that the API promises`() throws {
        var view = Samples.view(try Samples.running())
        view.instance = .running(
            .init(
                pid: 4711,
                startedAt: Samples.moment(1).uptime,
                restrictions: ["no cgroups: memory is not limited"]
            )
        )
        let object = view.object(at: Samples.moment(60))
        let metadata = try #require(object.json["metadata"])
        #expect(object.json["apiVersion"] == "era.dev/v1")
        #expect(object.json["kind"] == "Deployment")
        #expect(metadata["name"] == "web")
        #expect(metadata["namespace"] == "default")
        #expect(metadata["uid"] == "b7b1a2f0-uid")
        #expect(metadata["resourceVersion"] == "7")
        #expect(metadata["generation"] == 1)
        #expect(metadata["creationTimestamp"] == "2026-01-02T03:04:05Z")
        #expect(metadata["labels"] == ["app": "web"])
        #expect(metadata["annotations"] == nil)
        #expect(metadata["deletionTimestamp"] == nil)
        #expect(metadata["finalizers"] == nil)
        #expect(object.json["spec"]?["version"] == "1.2.0")
        #expect(object.json["spec"]?["restart"]?["policy"] == "Always", "defaults are shown")

        let status = try #require(object.json["status"])
        #expect(status["phase"] == "Running")
        #expect(status["observedGeneration"] == 1)
        #expect(status["origin"] == ["source": "directory:/etc/era/manifests", "path": "web.yaml"])
        #expect(status["revision"] == 1)
        #expect(status["servingRevision"] == 1)
        #expect(status["version"] == "1.2.0")
        #expect(status["restarts"] == 0)
        #expect(
            status["instance"] == [
                "state": "Running", "pid": 4711, "startedAt": "2026-01-02T03:04:06Z",
                "restrictions": ["no cgroups: memory is not limited"],
            ]
        )
        #expect(status["revisions"]?.array?.count == 1)
        #expect(status["revisions"]?.array?.first?["verdict"] == "Running")
        #expect(status["suspended"] == nil)
    }

    @Test func `what the host cannot give is a condition while the instance runs`() throws {
        var view = Samples.view(try Samples.running())
        #expect(view.object(at: Samples.start).condition(.restricted) == nil)
        let started = Samples.start.uptime
        view.instance = .running(
            InstanceStatus.Running(
                pid: 1,
                startedAt: started,
                restrictions: ["memory limit not enforced", "no pids"]
            )
        )
        let condition = try #require(view.object(at: Samples.start).condition(.restricted))
        #expect(condition.isTrue && condition.reason == "NotEnforced")
        #expect(condition.message == "memory limit not enforced; no pids")
        view.instance = .running(InstanceStatus.Running(pid: 1, startedAt: started))
        #expect(view.object(at: Samples.start).condition(.restricted) == nil)
    }

    @Test func `conditions have the fields of metav1 Condition`() throws {
        let object = Samples.view(try Samples.running()).object(at: Samples.start)
        let conditions = try #require(object.json["status"]?["conditions"]?.array)
        #expect(
            Set(conditions.compactMap { $0["type"]?.string })
                == Set(Condition.Kind.allCases.filter { $0 != .restricted }.map(\.rawValue))
        )
        for condition in conditions {
            #expect(["True", "False"].contains(condition["status"]?.string))
            #expect(condition["reason"]?.string?.isEmpty == false)
            #expect(condition["message"]?.string != nil)
            #expect(condition["observedGeneration"] == 1)
            #expect(throws: Never.self) {
                try WallTime(rfc3339: condition["lastTransitionTime"]?.string ?? "")
            }
        }
        #expect(object.isReady)
        #expect(object.conditions.count == conditions.count)
    }

    @Test func `a deployment that is being deleted has a deletion time and a finalizer`() throws {
        var view = Samples.view(try Samples.fold(try Samples.running(), [.deletionRequested]))
        view.deletionRequestedAt = Samples.moment(5).wall
        let object = view.object(at: Samples.moment(6))
        #expect(object.json["metadata"]?["deletionTimestamp"] == "2026-01-02T03:04:10Z")
        #expect(object.json["metadata"]?["finalizers"] == ["era.dev/instance"])
        #expect(object.phase == .stopping)
        #expect(object.deletedAt == Samples.moment(5).wall)
    }

    @Test func `a wait shows why and until when, and keeps its time from one answer to the next`() throws {
        var view = Samples.view(try Samples.requested())
        view.wait = Wait(
            until: Samples.moment(30).uptime,
            reason: .retry(.transient(.fetchFailed, "reset by peer"), Wait.Attempt(number: 3, limit: 6))
        )
        let first = view.object(at: Samples.moment(0))
        let later = view.object(at: Samples.moment(20))
        #expect(
            first.wait
                == WaitText(
                    reason: "RetryBackOff",
                    message: "trying again (attempt 3 of 6) after: reset by peer",
                    until: Samples.moment(30).wall
                )
        )
        #expect(first.json == later.json)
    }

    @Test func `progress is shown, with and without a total, and while it waits`() throws {
        var view = Samples.view(try Samples.requested())
        func shown() -> JSONValue? { view.object(at: Samples.start).json["status"]?["progress"] }
        view.progress = StepProgress(done: ByteCount(10), total: ByteCount(100))
        #expect(shown() == ["doneBytes": 10, "totalBytes": 100])
        view.progress = StepProgress(done: ByteCount(10), total: nil)
        #expect(view.object(at: Samples.start).progress == ProgressText(done: ByteCount(10), total: nil))
        view.progress = .queued
        #expect(shown() == ["doneBytes": 0, "queued": true])
        #expect(view.object(at: Samples.start).progress?.isQueued == true)
    }

    @Test func `a deployment whose file is wrong says so, and is not Ready`() throws {
        var view = Samples.view(try Samples.fold(try Samples.requested(), Samples.toRunning))
        #expect(view.object(at: Samples.moment(9)).isReady)
        let since = Samples.moment(5).wall
        view.sourceProblem = SourceProblem(message: "web.yaml:3:1: error: no", since: since)
        let object = view.object(at: Samples.moment(9))
        for kind in [Condition.Kind.synced, .ready] {
            let condition = try #require(object.condition(kind))
            #expect(!condition.isTrue && condition.reason == "SourceProblem")
            #expect(condition.message == "web.yaml:3:1: error: no" && condition.lastTransitionAt == since)
        }
        #expect(object.condition(.available)?.isTrue == true)
        #expect(object.summary == "web.yaml:3:1: error: no")
    }

    @Test func `a spec that was made before is used for as long as it is the same`() throws {
        let specs = SpecCache()
        for version in ["1.0.0", "1.0.0", "2.0.0", "1.0.0"] {
            let declared = try Samples.declared(try Samples.deployment(version))
            let event = JournalEvent(at: Samples.start, declared)
            let view = Samples.view(try DeploymentRecord(key: Samples.key, founding: event))
            let object = view.object(at: Samples.start, specs: specs)
            #expect(object.json == view.object(at: Samples.start).json)
            #expect(object.json["spec"]?["version"] == .string(version))
        }
    }

    @Test func `a deployment that failed says why, and what is quarantined`() throws {
        let failure = Failure.permanent(.invalidSpec, "no such plugin: wsm; install it or name another")
        let record = try Samples.fold(
            try Samples.requested(),
            [.admitted(replacing: false), .stepFailed(.validate(RevisionNumber(1)), failure, .none)]
        )
        let object = Samples.view(record).object(at: Samples.moment(3))
        #expect(object.phase == .failed)
        #expect(object.failure?.reason == "InvalidSpec")
        #expect(object.failure?.message == failure.message)
        #expect(object.failure?.isTransient == false)
        #expect(object.failure?.at == Samples.moment(1).wall)
        #expect(object.quarantine?.reason == "InvalidSpec")
        #expect(object.version == nil)
        #expect(object.revisions.first?.verdict == .failed)
        #expect(object.revisions.first?.failure?.message == failure.message)
        #expect(object.summary == failure.message)
    }

    @Test func `an update names its step, and the version that serves meanwhile`() throws {
        let next = try Samples.deployment("1.3.0")
        let record = try Samples.fold(
            try Samples.running(),
            [try Samples.declared(next, generation: 2), .updateBegan]
        )
        let object = Samples.view(record).object(at: Samples.moment(3))
        #expect(object.phase == .updating)
        #expect(object.step == "Validate")
        #expect(object.declaredVersion == "1.3.0")
        #expect(object.version == "1.2.0")
        #expect(object.servingRevision == 1)
        #expect(object.revision == 2)
        #expect(object.revisions.map(\.number) == [2, 1], "newest first")
    }

    @Test func `reading an object gives back what was written`() throws {
        let written = Samples.view(try Samples.running()).object(at: Samples.start)
        let read = try DeploymentObject(written.json)
        #expect(read == written)
        #expect(read.key == Samples.key)
    }

    @Test(
        arguments: [
            [:],
            ["kind": "Deployment", "apiVersion": "apps/v1", "metadata": ["name": "web"]],
            ["kind": "Pod", "apiVersion": "era.dev/v1", "metadata": ["name": "web"]],
            ["kind": "Deployment", "apiVersion": "era.dev/v1", "metadata": ["name": "Not A Name"]],
            ["kind": "Deployment", "apiVersion": "era.dev/v1"],
            "text", .null,
        ] as [JSONValue]
    )
    func `another object is no deployment`(json: JSONValue) {
        #expect(throws: InvalidObject.self) { try DeploymentObject(json) }
    }

    @Test func `what a daemon of another version leaves out or writes differently is read as absent`() throws
    {
        let object = try DeploymentObject([
            "kind": "Deployment", "apiVersion": "era.dev/v1", "metadata": ["name": "web", "generation": "x"],
            "status": ["phase": "Dreaming", "conditions": [["type": "Bored"], 5], "restarts": .number(1.5)],
        ])
        #expect(object.phase == nil)
        #expect(object.phaseText == "Dreaming")
        #expect(object.conditions.isEmpty)
        #expect(object.restarts == 0)
        #expect(object.generation == 0)
        #expect(object.wait == nil)
    }
}
