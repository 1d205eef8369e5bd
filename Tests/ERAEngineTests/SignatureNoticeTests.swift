import ERAContracts
import ERACore
import Testing

@testable import ERAEngine
@testable import ERATestKit

@Suite struct SignatureNoticeTests {
    @Test(arguments: [true, false])
    func `an event says who signed what was fetched, or what is wrong`(_ isGood: Bool) throws {
        let clock = Simulation(seed: 1).clock
        let deployment = try declared(app(1))
        let change = DeploymentRecord.change(
            of: nil,
            to: deployment,
            templateHash: templateHash(of: deployment.spec),
            origin: Origin(source: "api", path: nil),
            uid: "uid",
            at: clock.now().wall
        )
        guard case .declare(let kind) = change else { throw CancellationError() }
        let founding = JournalEvent(at: clock.now(), kind)
        let record = try DeploymentRecord(key: deployment.key, founding: founding)
        let artifact = StoredArtifact(
            digest: try Digest("sha256:" + String(repeating: "a", count: 64)),
            size: ByteCount(1),
            path: "/blobs/a",
            name: "web",
            signature: SignatureOutcome(
                signedBy: isGood ? ["release"] : [],
                warnings: isGood ? [] : ["no key fits"]
            )
        )
        let event = JournalEvent(
            at: clock.now(),
            .stepSucceeded(.fetch(RevisionNumber(1)), .fetched(artifact))
        )
        let notice = try #require(notices(from: record, to: record, event).first)
        #expect(notice.kind == (isGood ? .normal : .warning))
        #expect(notice.reason == (isGood ? "Verified" : "NotVerified"))
        let text = isGood ? "release" : "nobody; no key fits"
        #expect(notice.message == "the artifact is signed by \(text)")
    }
}
