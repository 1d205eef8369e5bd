import ERASource
import Glibc
import Testing

/// Files of keys and policies that somebody else could have written are not read.
@Suite struct TrustedFileTests {
    private let scratch: Scratch
    private var path: String { scratch.path + "/m/key.pub" }

    init() throws {
        scratch = try Scratch()
        try scratch.write("m/key.pub", "key")
        try scratch.setMode("m/key.pub", 0o644)
    }

    private func problem(_ path: String, limit: Int = 100) -> String? {
        do throws(TrustedFile.Problem) {
            _ = try TrustedFile.read(path, limit: limit)
            return nil
        } catch { return error.description }
    }

    @Test func `a file of ERA's user is read whole, also through a link`() throws {
        #expect(try TrustedFile.read(path, limit: 3) == Array("key".utf8))
        try scratch.link("m/key.pub", "link")
        #expect(try TrustedFile.read(scratch.path + "/link", limit: 100) == Array("key".utf8))
    }

    @Test func `what others may write, or lies where they may, is refused with what to do`() throws {
        try scratch.setMode("m/key.pub", 0o646)
        #expect(problem(path)?.contains("writable by everybody; take that away (chmod o-w)") == true)
        try scratch.setMode("m/key.pub", 0o644)
        try scratch.setMode("m", 0o777)
        #expect(problem(path)?.hasPrefix("lies below \(scratch.path)/m, which is writable") == true)
        // A link from a safe place into that one is no better.
        try scratch.link("m/key.pub", "link")
        #expect(problem(scratch.path + "/link")?.hasPrefix("lies below \(scratch.path)/m") == true)
    }

    @Test(.enabled(if: geteuid() == 0, "only root can give files away"))
    func `what belongs to another user is refused`() throws {
        try scratch.check(chown(path, 4321, 0), "chown")
        #expect(problem(path)?.contains("owned by user 4321") == true)
    }

    @Test func `what is no file, missing or too large is refused`() throws {
        #expect(problem(scratch.path + "/m") == "is not a regular file")
        mkfifo(scratch.path + "/fifo", 0o600)
        #expect(problem(scratch.path + "/fifo") == "is not a regular file")
        #expect(problem(scratch.path + "/none")?.contains("no such file") == true)
        #expect(problem(path, limit: 2) == "has more than 2 bytes")
    }
}
