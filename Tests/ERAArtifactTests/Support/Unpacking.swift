import ERAContracts
import ERACore
import Foundation
import Testing

@testable import ERAArtifact

/// A place for one archive: `box/` is what an archive must not leave `box/out` into.
struct UnpackingFixture {
    let directory: String
    var archive: String { directory + "/archive" }
    var box: String { directory + "/box" }
    var out: String { box + "/out" }

    static func run(_ body: (UnpackingFixture) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let fixture = UnpackingFixture(directory: directory)
            try FileManager.default.createDirectory(atPath: fixture.box, withIntermediateDirectories: true)
            try await body(fixture)
        }
    }

    func unpack(
        _ bytes: [UInt8]? = nil,
        name: String = "archive",
        format: ArtifactSpec.Format = .auto,
        limits: ArchiveLimits = ArchiveLimits()
    ) async throws {
        if let bytes { try write(bytes, to: archive) }
        try await ArchiveUnpacker(limits: limits).unpack(archive, name: name, format: format, into: out)
    }

    /// Unpacks what must be refused; nothing may be left, inside the box or beside it.
    func refusal(
        _ bytes: [UInt8]? = nil,
        format: ArtifactSpec.Format = .auto,
        limits: ArchiveLimits = ArchiveLimits()
    ) async throws -> Failure {
        if let bytes { try write(bytes, to: archive) }
        let before = tree(directory)
        let failure = await #expect(throws: Failure.self) { try await unpack(format: format, limits: limits) }
        #expect(tree(directory) == before)
        return try #require(failure)
    }
}
