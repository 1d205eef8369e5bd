import ERATestKit
import Glibc
import Testing

/// The same seed gives the same run: hashing differs from one collection and one process to the next, so no
/// order of a set or a dictionary may matter.
@Suite(.enabled(if: Seeds.areMany)) struct RepetitionTests {
    private static let seeds: ClosedRange<UInt64> = 1...25
    private static let outputVariable = "ERA_SIMULATION_DIGEST"

    @Test func `the same seed gives the same run`() {
        for seed in Self.seeds {
            let (one, other) = (Simulation(seed: seed).run(), Simulation(seed: seed).run())
            for (left, right) in zip(one.trace, other.trace) where left != right {
                Issue.record("seed \(seed): \(left) / \(right)")
                return
            }
            #expect(one == other)
        }
    }

    @Test(.enabled(if: Seeds.text(outputVariable) == nil))
    func `another process has the same runs`() throws {
        var path = Array("/tmp/era-simulation-XXXXXX".utf8CString)
        let descriptor = mkstemp(&path)
        try #require(descriptor >= 0)
        let file = path.withUnsafeBufferPointer { String(cString: $0.baseAddress.unsafelyUnwrapped) }
        defer {
            close(descriptor)
            unlink(file)
        }
        try #require(try runAgain(writingTo: file) == 0)
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = read(descriptor, &bytes, bytes.count)
        #expect(String(decoding: bytes.prefix(max(0, count)), as: UTF8.self) == Self.digest())
    }

    /// What the other process does.
    @Test(.enabled(if: Seeds.text(outputVariable) != nil))
    func `writes down what its runs were`() throws {
        let file = try #require(Seeds.text(Self.outputVariable))
        let digest = Array(Self.digest().utf8)
        let descriptor = open(file, O_WRONLY | O_TRUNC)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        #expect(write(descriptor, digest, digest.count) == digest.count)
    }

    /// FNV-1a over all traces (Fowler, Noll, Vo; draft-eastlake-fnv).
    private static func digest() -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for seed in seeds {
            for byte in Simulation(seed: seed).run().trace.joined(separator: "\n").utf8 {
                hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
            }
        }
        return String(hash, radix: 16)
    }

    /// Runs this test program again, for that one test.
    private func runAgain(writingTo file: String) throws -> Int32 {
        let arguments = [
            "/proc/self/exe", "--testing-library", "swift-testing", "--filter", "RepetitionTests.*writes",
        ]
        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        let variables = ["\(Self.outputVariable)=\(file)", "PATH=/usr/bin"]
        var environment: [UnsafeMutablePointer<CChar>?] = variables.map { strdup($0) } + [nil]
        defer { for pointer in pointers + environment { free(pointer) } }
        var process: pid_t = 0
        try #require(posix_spawn(&process, "/proc/self/exe", nil, nil, &pointers, &environment) == 0)
        var status: Int32 = 0
        try #require(waitpid(process, &status, 0) == process)
        return status
    }
}
