import ERACore
import Glibc
import Testing

@testable import ERARuntime

/// What a daemon learns of a host by trying namespaces, here of shims that are scripts.
@Suite(.timeLimit(.minutes(2)))
struct NamespaceTrialTests {
    /// A shim that is not the real one, and namespaces by it.
    private struct Shim {
        private let scratch: WorkspaceScratch
        let namespaces: UserNamespaces?

        init() throws {
            scratch = try WorkspaceScratch()
            // Where there is no newuidmap a host has one mapping to try.
            namespaces = UserNamespaces(
                shimPath: scratch.path + "/shim",
                searchPath: ["/nonexistent"],
                areForced: true
            )
        }

        var root: String { scratch.path }
        private var path: String { root + "/shim" }

        /// Makes it do what a script says, which finds `$root`; each run is a line of `runs`.
        func does(_ script: String) {
            write("#!/bin/sh\nPATH=/usr/bin:/bin; root='\(root)'; echo >> $root/runs\n\(script)\n", to: path)
            chmod(path, 0o755)
        }

        var runs: Int { readSmallFile(root + "/runs", limit: 4096)?.count ?? 0 }
    }

    @Test(arguments: [
        "kill -9 $$", "echo 'era-shim: cannot fork a helper: Resource temporarily unavailable'; exit 75",
    ])
    func `a trial that did not come to its end is no refusal, and the next one counts`(
        script: String
    ) async throws {
        let shim = try Shim()
        shim.does(script)
        let failure = await #expect(throws: Failure.self) { try await shim.namespaces?.find() }
        #expect(failure?.persistence == .transient)
        shim.does("exit 0")
        #expect(try await shim.namespaces?.find() != nil)
    }

    @Test func `a shim that cannot be started is no refusal`() async throws {
        let shim = try Shim()
        let failure = await #expect(throws: Failure.self) { try await shim.namespaces?.find() }
        #expect(failure?.persistence == .transient)
    }

    @Test func `a trial that is cancelled says nothing about the host`() async throws {
        let shim = try Shim()
        shim.does("exec sleep 1000")
        let trial = Task { try await shim.namespaces?.find() }
        try await eventually("the trial runs") { shim.runs == 1 }
        trial.cancel()
        await #expect(throws: CancellationError.self) { try await trial.value }
    }

    @Test func `all who ask at once share one trial`() async throws {
        let shim = try Shim()
        shim.does("while [ ! -e $root/go ]; do sleep 0.01; done")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 { group.addTask { _ = try await shim.namespaces?.find() } }
            try await eventually("the trial runs") { shim.runs > 0 }
            write("", to: shim.root + "/go")
            try await group.waitForAll()
        }
        #expect(shim.runs == 1)
    }
}
