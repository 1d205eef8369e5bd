import ERACore
import ERAContracts
import Foundation
import Glibc
import Testing

@testable import ERAArtifact

/// An artifact of several files becomes these files, under their titles.
@Suite struct ArtifactFilesTests {
    /// Lays contents out by their places below `out`, and leaves that to look at.
    private func laidOut(
        _ contents: [(place: String, bytes: [UInt8])],
        directories: Set<String> = [],
        _ body: (_ out: String, Failure?) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let box = directory + "/box"
            mkdir(box, 0o700)
            let files = try contents.enumerated().map { index, content in
                try write(content.bytes, to: "\(directory)/blob\(index)")
                return ArtifactFile(
                    place: content.place,
                    path: "\(directory)/blob\(index)",
                    size: ByteCount(Int64(content.bytes.count)),
                    isDirectory: directories.contains(content.place)
                )
            }
            let reports = Shared<[StepProgress]>([])
            var failure: Failure?
            do {
                try await ArchiveUnpacker().layOut(files, into: box + "/out") { report in
                    reports.change { $0.append(report) }
                }
                let total = files.reduce(0) { $0 + $1.size.bytes }
                #expect(reports.value.allSatisfy { $0.total == ByteCount(total) && $0.done.bytes <= total })
            } catch let error as Failure {
                failure = error
                #expect(tree(box).isEmpty, "nothing is left")
            }
            try await body(box + "/out", failure)
        }
    }

    @Test func `each is where its title says, and what begins as a program may be executed`() async throws {
        let elf = [0x7F, 0x45, 0x4C, 0x46] + payload(100)
        let contents: [(String, [UInt8])] = [
            ("bin/hello", Array("#!/bin/sh\necho hello\n".utf8)), ("lib/tool", elf),
            ("conf/deep/hello.ini", Array("[a]\n".utf8)), ("empty", []), ("page.html", payload(300_000)),
        ]
        try await laidOut(contents) { out, failure in
            #expect(failure == nil)
            for (place, bytes) in contents {
                let found = try read("\(out)/\(place)")
                #expect(found == bytes)
                let isProgram = ["bin/hello", "lib/tool"].contains(place)
                #expect(try mode("\(out)/\(place)") == (isProgram ? 0o755 : 0o644), "\(place)")
            }
        }
    }

    @Test func `what was packed as a directory is unpacked beside the files`() async throws {
        let packed = TarBuilder.tar {
            $0.add("www/index.html", content: payload(10))
            $0.add("www/run", content: payload(10), mode: 0o755)
        }
        let contents = [("www", packed), ("www.conf", payload(20))]
        try await laidOut(contents, directories: ["www"]) { out, failure in
            #expect(failure == nil)
            #expect(tree(out) == ["www", "www.conf", "www/index.html", "www/run"])
            let mode = try mode(out + "/www/run")
            #expect(mode == 0o755)
        }
    }

    @Test func `a directory that is hostile is refused as an archive is`() async throws {
        let away = TarBuilder.tar { $0.add("www/../../x", content: payload(10)) }
        let link = TarBuilder.tar {
            $0.add("www/up", type: "2", link: "../../..")
            $0.add("www/up/x", content: payload(10))
        }
        let over = TarBuilder.tar { $0.add("www.conf", content: payload(10)) }
        for packed in [away, link, over, payload(2000)] {
            try await laidOut([("www", packed), ("www.conf", payload(20))], directories: ["www"]) {
                _,
                failure in
                #expect(failure?.code == .unsafeArchive && failure?.persistence == .permanent)
            }
        }
    }

    @Test(arguments: [["../x"], ["/x"], ["a/../x"], ["a", "a/b"], ["a", "a"], [""]])
    func `places that lead out, or into each other, are refused`(_ places: [String]) async throws {
        try await laidOut(places.map { ($0, payload(10)) }) { _, failure in
            #expect(failure?.code == .unsafeArchive && failure?.persistence == .permanent)
        }
    }
}
