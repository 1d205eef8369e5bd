import Testing

@testable import ERACore

@Suite struct DowngradeTests {
    private static func artifact(_ version: String?) throws -> StoredArtifact {
        StoredArtifact(
            digest: digest(7),
            size: ByteCount(1),
            path: "/blobs/7",
            name: "web",
            signature: SignatureOutcome(
                signedBy: ["release"],
                version: try version.map { try SemanticVersion($0) },
                evidence: [digest(8)]
            )
        )
    }

    private static func signed(allowing allowDowngrade: Bool) throws -> ArtifactSpec {
        ArtifactSpec(
            source: try ArtifactLocation("file:///web"),
            signature: SignatureSpec(
                type: .minisign,
                keys: [.text("RW")],
                allowDowngrade: allowDowngrade
            )
        )
    }

    /// Declares one more revision, and installs it as the step executor would.
    ///
    /// - Returns: Why it was refused; nil where it was installed.
    private static func install(
        _ number: Int,
        _ version: String?,
        allowing: Bool = false,
        in web: inout Transcript
    ) throws -> Failure? {
        let spec = try signed(allowing: allowing)
        try web.declare(number) { $0.artifact = spec }
        let revision = web.record.declaration.revision
        try web.settle(until: .fetch(revision))
        let artifact = try artifact(version)
        if let refusal = web.record.downgrade(to: artifact, for: revision) {
            try web.note(.stepFailed(.fetch(revision), refusal, .none))
            try web.settle()
            return refusal
        }
        try web.note(.stepSucceeded(.fetch(revision), .fetched(artifact)))
        try web.settle()
        return nil
    }

    private static func running(_ version: String) throws -> Transcript {
        var web = try Transcript.running { $0.update.bakeSeconds = 10 }
        #expect(try install(2, version, in: &web) == nil)
        web.pass(11)
        try web.settle()
        return web
    }

    @Test func `the highest signed version that was proven is the mark`() throws {
        var web = try Self.running("2.0.0")
        #expect(web.record.signedFloor?.description == "2.0.0")
        #expect(try Self.install(3, "2.1.0", in: &web) == nil)
        // Its bake time is not over: a rollback now must leave the way open to 2.0.1.
        #expect(web.record.signedFloor?.description == "2.0.0")
        web.pass(11)
        try web.settle()
        #expect(web.record.signedFloor?.description == "2.1.0")
        #expect(try web.replayed() == web.record)
    }

    @Test(arguments: ["1.9.9", "2.0.0-rc.1", nil] as [String?])
    func `an older version, or none, is refused, and what runs goes on`(_ version: String?) throws {
        var web = try Self.running("2.0.0")
        let refusal = try Self.install(3, version, in: &web)
        #expect(refusal?.code == .downgradeRefused && refusal?.persistence == .permanent)
        #expect(refusal?.message.contains("allowDowngrade") == true)
        #expect(web.phase == .running)
        #expect(web.record.quarantine?.failure.code == .downgradeRefused)
        #expect(web.record.signedFloor?.description == "2.0.0")
        #expect(try web.replayed() == web.record)
    }

    @Test(arguments: ["2.0.0", "2.0.0+build.5", "3.0.0"])
    func `the same version and a newer one are installed`(_ version: String) throws {
        var web = try Self.running("2.0.0")
        #expect(try Self.install(3, version, in: &web) == nil)
        #expect(web.record.quarantine == nil)
    }

    @Test func `allowDowngrade installs an older version, which is the mark from then on`() throws {
        var web = try Self.running("2.0.0")
        #expect(try Self.install(3, "1.0.0", allowing: true, in: &web) == nil)
        web.pass(11)
        try web.settle()
        #expect(web.record.signedFloor?.description == "1.0.0")
        #expect(try Self.install(4, "1.1.0", in: &web) == nil)
        web.pass(11)
        try web.settle()
        #expect(try Self.install(5, "1.0.0", in: &web)?.code == .downgradeRefused)
        #expect(try web.replayed() == web.record)
    }

    @Test func `a rollback by hand to an older version is not refused, and keeps the mark`() throws {
        var web = try Self.running("1.0.0")
        let old = web.record.declaration.revision
        #expect(try Self.install(3, "2.0.0", in: &web) == nil)
        web.pass(11)
        try web.settle()
        try web.ask(.rollback(to: old))
        #expect(web.record.target == old)
        #expect(web.record.downgrade(to: try Self.artifact("1.0.0"), for: old) == nil)
        try web.settle()
        web.pass(11)
        try web.settle()
        #expect(web.record.signedFloor?.description == "2.0.0")
        // The same by the manifest is a downgrade.
        try web.declare(2) { $0.artifact = try? Self.signed(allowing: false) }
        let declared = web.record.declaration.revision
        #expect(web.record.downgrade(to: try Self.artifact("1.0.0"), for: declared) != nil)
    }

    @Test func `where no signature is asked for, nothing is compared`() throws {
        let web = try Self.running("2.0.0")
        var unsigned = try Self.artifact("1.0.0")
        unsigned.signature = nil
        #expect(web.record.downgrade(to: unsigned, for: web.record.declaration.revision) == nil)
    }
}
