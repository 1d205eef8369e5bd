import ERAAPI
import ERAContracts
import ERACore
import Testing

@Suite struct SignedRevisionTests {
    @Test func `who vouches for a revision is shown, and its signature is kept with it`() throws {
        var record = try Samples.requested()
        let evidence = try Digest("sha256:" + String(repeating: "e", count: 64))
        let artifact = StoredArtifact(
            digest: try Digest("sha256:" + String(repeating: "a", count: 64)),
            size: ByteCount(1),
            path: "/blobs/a",
            name: "web",
            signature: SignatureOutcome(
                signedBy: ["release (minisign key 9C6334487B569BC5)"],
                version: try SemanticVersion("1.2.0"),
                evidence: [evidence],
                warnings: ["nobody else signed it"]
            )
        )
        let first = RevisionNumber(1)
        let steps: [JournalEvent.Kind] = [
            .admitted(replacing: false), .stepSucceeded(.validate(first), .done),
            .stepSucceeded(.fetch(first), .fetched(artifact)),
        ]
        for kind in steps { record = try record.applying(JournalEvent(at: Samples.moment(1), kind)) }
        let object = Samples.view(record).object(at: Samples.moment(2))
        let json = try #require(object.json["status"]?["revisions"]?.array?.first)
        let text = "release (minisign key 9C6334487B569BC5), as version 1.2.0; nobody else signed it"
        #expect(json["signedBy"]?.string == text)
        #expect(RevisionText(apiObject: json)?.signedBy == text)
        #expect(record.artifactUses.map(\.digest) == [artifact.digest, evidence])
    }
}
