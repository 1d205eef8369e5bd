import ERACore
import Testing

@testable import era

@Suite struct `Waiting for a deployment` {
    @Test(arguments: [
        ("ready", Goal.ready), ("deleted", .deleted), ("phase=Running", .phase(.running)),
        ("phase=rollbackfailed", .phase(.rollbackFailed)),
    ])
    func `has a goal`(_ text: String, _ goal: Goal) throws {
        #expect(try Goal(text) == goal)
    }

    @Test(arguments: ["", "phase=", "phase=Happy", "Ready=True", "phase"])
    func `refuses another`(_ text: String) {
        #expect(throws: InvalidValue.self) { try Goal(text) }
    }

    @Test func `ends when it is ready`() throws {
        #expect(Goal.ready.progress(nil) == .underWay)
        #expect(Goal.ready.progress(try Samples.object(phase: "Fetching", isReady: false)) == .underWay)
        #expect(Goal.ready.progress(try Samples.object()) == .reached)
    }

    @Test func `does not go on for what will not come`() throws {
        let failure: JSONValue = ["reason": "Exited", "message": "exit code 1", "transient": false]
        let failed = try Samples.object(phase: "Failed", isReady: false, status: ["failure": failure])
        guard case .stuck(let why) = Goal.ready.progress(failed) else {
            Issue.record("a failed deployment is waited for")
            return
        }
        #expect(why.contains("exit code 1"))
        let rolledBack = try Samples.object(isReady: false, status: ["quarantine": failure])
        guard case .stuck = Goal.ready.progress(rolledBack) else {
            Issue.record("a version that was rolled back is waited for")
            return
        }
        let beingRolledBack = try Samples.object(phase: "RollingBack", isReady: false)
        #expect(Goal.ready.progress(beingRolledBack) == .underWay)
    }

    @Test func `for its deletion ends when there is none`() throws {
        #expect(Goal.deleted.progress(nil) == .reached)
        #expect(Goal.deleted.progress(try Samples.object(phase: "Stopping")) == .underWay)
        #expect(Goal.phase(.failed).progress(try Samples.object(phase: "Failed")) == .reached)
    }

    @Test func `ends when its time is over`() async throws {
        let result: Int? = try await Deadline.run(.milliseconds(20)) {
            try await Task.sleep(for: .seconds(600))
            return 1
        }
        #expect(result == nil)
        #expect(try await Deadline.run(.seconds(600)) { 1 } == 1)
    }
}
