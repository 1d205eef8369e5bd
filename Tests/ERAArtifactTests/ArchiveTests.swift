import CLibArchive
import ERAContracts
import ERACore
import Foundation
import Glibc
import Testing

@testable import ERAArtifact

@Suite struct ArchiveTests {
    private static let tar = TarBuilder.tar { tar in
        tar.add("./", type: "5", mode: 0o777)
        tar.add("./app/", type: "5", mode: 0o500)
        tar.add("./app/bin/hello", content: Array("hello".utf8), mode: 0o6755)
        tar.add("app/empty", mode: 0)
        tar.add("app/grüße.txt", content: [1], mode: 0o666)
        tar.add("app/current", type: "2", link: "bin/../bin/hello")
        tar.add("app/second", type: "1", link: "./app/bin/hello")
        tar.add("app/later", type: "2", link: "nowhere")
    }

    @Test(arguments: Compression.allCases, [ArtifactSpec.Format.auto, .tar])
    func `a tar is unpacked, however it is compressed`(
        compression: Compression,
        format: ArtifactSpec.Format
    ) async throws {
        try await UnpackingFixture.run { fixture in
            try compression.apply(to: [Self.tar], fixture.archive)
            try await fixture.unpack(format: format)
            #expect(
                tree(fixture.out) == [
                    "app", "app/bin", "app/bin/hello", "app/current", "app/empty", "app/grüße.txt",
                    "app/later",
                    "app/second",
                ]
            )
            #expect(try read(fixture.out + "/app/current") == Array("hello".utf8))
            #expect(try read(fixture.out + "/app/second") == Array("hello".utf8))
            #expect(tree(fixture.box).filter { !$0.hasPrefix("out") }.isEmpty)
        }
    }

    @Test func `modes lose what gives power and gain what the owner needs`() async throws {
        try await UnpackingFixture.run { fixture in
            try await fixture.unpack(Self.tar)
            #expect(try mode(fixture.out) == 0o755)
            #expect(try mode(fixture.out + "/app") == 0o700)
            #expect(try mode(fixture.out + "/app/bin/hello") == 0o755)
            #expect(try mode(fixture.out + "/app/empty") == 0o600)
            #expect(try mode(fixture.out + "/app/grüße.txt") == 0o644)
        }
    }

    @Test(arguments: [ArtifactSpec.Format.auto, .zip])
    func `a zip is unpacked`(format: ArtifactSpec.Format) async throws {
        try await UnpackingFixture.run { fixture in
            let content = payload(300_000)
            try writeZip(
                [
                    ZipEntry(name: "app/"), ZipEntry(name: "app/hello", content: content, mode: 0o4755),
                    ZipEntry(name: "app/grüße", content: [1]), ZipEntry(name: "app/current", link: "hello"),
                ],
                to: fixture.archive
            )
            try await fixture.unpack(format: format)
            #expect(tree(fixture.out) == ["app", "app/current", "app/grüße", "app/hello"])
            #expect(try read(fixture.out + "/app/current") == content)
            #expect(try mode(fixture.out + "/app/hello") == 0o755)
        }
    }

    @Test(arguments: [ArtifactSpec.Format.auto, .raw])
    func `what is no archive is one executable file`(format: ArtifactSpec.Format) async throws {
        try await UnpackingFixture.run { fixture in
            for content in [payload(100_000), Array("#!/bin/sh\n".utf8), [], [0x50, 0x4B]] {
                try await fixture.unpack(content, name: "hello", format: format)
                #expect(try read(fixture.out + "/hello") == content)
                #expect(try mode(fixture.out + "/hello") == 0o755)
                try FileManager.default.removeItem(atPath: fixture.out)
            }
        }
    }

    @Test func `raw takes an archive as the file that it is`() async throws {
        try await UnpackingFixture.run { fixture in
            try await fixture.unpack(Self.tar, name: "app.jar", format: .raw)
            #expect(try read(fixture.out + "/app.jar") == Self.tar)
        }
    }

    @Test func `a sparse file keeps its holes and its size`() async throws {
        try await UnpackingFixture.run { fixture in
            try writeSparse(fixture.archive, size: 16 << 20)
            try await fixture.unpack()
            let content = try read(fixture.out + "/sparse")
            #expect(content.count == 16 << 20)
            #expect(content[4096..<4099] == [7, 7, 7] && content[0] == 0 && content[16 << 20 - 1] == 0)
            var status = stat()
            #expect(stat(fixture.out + "/sparse", &status) == 0)
            #expect(status.st_blocks * 512 < 1 << 20)
        }
    }

    @Test func `a directory that is there is left alone`() async throws {
        try await UnpackingFixture.run { fixture in
            try FileManager.default.createDirectory(atPath: fixture.out, withIntermediateDirectories: true)
            try await fixture.unpack(Self.tar)
            #expect(tree(fixture.out).isEmpty)
        }
    }

    @Test func `two that unpack at once leave one whole tree`() async throws {
        try await UnpackingFixture.run { fixture in
            try write(Self.tar, to: fixture.archive)
            try await withThrowingTaskGroup(of: Void.self) { group in
                let (archive, out) = (fixture.archive, fixture.out)
                for _ in 0..<8 {
                    group.addTask {
                        try await ArchiveUnpacker().unpack(archive, name: "a", format: .auto, into: out)
                    }
                }
                try await group.waitForAll()
            }
            #expect(tree(fixture.out).count == 8)
            #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.box) == ["out"])
        }
    }

    @Test func `tells how far it has come, and that it waits for others`() async throws {
        try await UnpackingFixture.run { fixture in
            try write(Self.tar, to: fixture.archive)
            var limits = ArchiveLimits()
            limits.parallelLimit = 1
            let unpacker = ArchiveUnpacker(limits: limits)
            let (archive, box) = (fixture.archive, fixture.box)
            let size = ByteCount(Int64(Self.tar.count))
            let reports = Shared<[Int: [StepProgress]]>([:])
            // The first one waits in its report until the second one has told that it waits.
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<2 {
                    group.addTask {
                        try await unpacker.unpack(
                            archive,
                            name: "a",
                            format: .auto,
                            into: "\(box)/out\(index)"
                        ) { progress in
                            reports.change { $0[index, default: []].append(progress) }
                            let end = ContinuousClock.now + .seconds(20)
                            while !reports.value.values.joined().contains(.queued), .now < end {
                                usleep(1000)
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            let firsts = reports.value.values.compactMap(\.first)
            #expect(Set(firsts) == [.queued, StepProgress(done: ByteCount(0), total: size)])
            #expect(
                reports.value.values.allSatisfy { $0.contains(StepProgress(done: ByteCount(0), total: size)) }
            )
            #expect(tree(box + "/out0") == tree(box + "/out1"))
        }
    }

    @Test func `tells the bytes of the archive, ten times a second at most`() {
        var reports: [StepProgress] = []
        var meter = UnpackMeter(total: ByteCount(100)) { reports.append($0) }
        let end = ContinuousClock.now + .milliseconds(350)
        var done: Int64 = 0
        while ContinuousClock.now < end {
            done += 1
            meter.note(done)
        }
        #expect((1...4).contains(reports.count))
        // Read ahead or not: never more than there is.
        #expect(reports.allSatisfy { $0.total == ByteCount(100) && $0.done.bytes <= 100 && !$0.isQueued })
    }

    @Test func `what a killed process left is removed`() async throws {
        try await UnpackingFixture.run { fixture in
            let stale = fixture.box + "/.out.staging-abc123/deep"
            try FileManager.default.createDirectory(atPath: stale, withIntermediateDirectories: true)
            try await fixture.unpack(Self.tar)
            #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.box) == ["out"])
        }
    }

    @Test func `cancelling ends it and leaves nothing`() async throws {
        try await UnpackingFixture.run { fixture in
            try write(Self.tar, to: fixture.archive)
            let (archive, out) = (fixture.archive, fixture.out)
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                try await ArchiveUnpacker().unpack(archive, name: "a", format: .auto, into: out)
            }
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(tree(fixture.box).isEmpty)
        }
    }

    /// A pax archive of one file with three bytes of data at 4096, and holes around them.
    private func writeSparse(_ path: String, size: Int64) throws {
        let writer = try #require(archive_write_new())
        defer { archive_write_free(writer) }
        archive_write_set_format_pax(writer)
        let opened = archive_write_open_filename(writer, path)
        try #require(opened == ARCHIVE_OK)
        let entry = archive_entry_new()
        defer { archive_entry_free(entry) }
        archive_entry_set_pathname(entry, "sparse")
        archive_entry_set_filetype(entry, UInt32(Glibc.S_IFREG))
        archive_entry_set_perm(entry, 0o644)
        archive_entry_set_size(entry, size)
        archive_entry_sparse_add_entry(entry, 4096, 512)
        let begun = archive_write_header(writer, entry)
        try #require(begun == ARCHIVE_OK)
        var block = [UInt8](repeating: 0, count: 8192)
        for index in 4096..<4099 { block[index] = 7 }
        _ = block.withUnsafeBytes { archive_write_data(writer, $0.baseAddress, $0.count) }
        try #require(archive_write_close(writer) == ARCHIVE_OK)
    }
}
