import Testing

@testable import ERACore

@Suite struct VolumeTests {
    private func volume(_ name: String, retain: Bool) throws -> VolumeSpec {
        VolumeSpec(name: try PartName(name), mountPath: name, source: .persistent(retain: retain))
    }

    @Test func `the last word on whether a volume is retained counts, not an earlier revision's`() throws {
        let (lost, kept) = (try volume("data", retain: false), try volume("data", retain: true))
        var web = try Transcript.running { $0.volumes = [lost] }
        #expect(web.record.volumes == [lost])
        try web.declare(2) { $0.volumes = [kept] }
        #expect(web.record.volumes == [kept])
        try web.settle()
        #expect(web.record.volumes == [kept])
    }

    @Test func `a volume that is declared no more goes as the newest revision that had it says`() throws {
        let (old, other) = (try volume("data", retain: true), try volume("cache", retain: false))
        var web = try Transcript.running { $0.volumes = [old] }
        try web.declare(2) { $0.volumes = [other] }
        try web.settle()
        #expect(web.record.volumes == [other, old])
    }
}
