import ERACore
import Foundation
import Testing

@testable import ERAArtifact

/// What the client of downloads costs.
@Suite struct LazyClientTests {
    @Test func `downloads have one thread, from the first until the end`() async {
        // In a process of its own, in which nothing else has threads of that kind.
        await #expect(processExitsWith: .success) {
            func threads() throws -> [String] {
                try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").compactMap {
                    // One that has ended meanwhile has no name.
                    try? String(contentsOfFile: "/proc/self/task/\($0)/comm", encoding: .utf8)
                }.filter { $0.hasPrefix("NIO") }
            }
            let lazy = LazyClient(FetchOptions())
            #expect(try threads() == [])
            _ = try lazy.client()
            _ = try lazy.client()
            let started = try await eventually { try threads().count == 1 }
            #expect(started)
            await lazy.shutdown()
            let ended = try await eventually { try threads().isEmpty }
            #expect(ended)
            #expect(throws: CancellationError.self) { try lazy.client() }
        }
    }
}
