import ERAContracts
import ERACore
import ERALinux
import ERAOCI
import Glibc
import Synchronization
import Testing

@testable import ERARuntime

/// Many who want root file systems at once, unpacked by processes that are scripts here.
@Suite(.timeLimit(.minutes(2)))
struct RootStoreTests {
    private final class Count: Sendable {
        private let number = Mutex(0)

        var value: Int { number.withLock { $0 } }

        func add() { number.withLock { $0 += 1 } }
    }

    @Test func `two images are unpacked at a time, each once, and the others say that they wait`()
        async throws
    {
        let scratch = try WorkspaceScratch()
        let root = scratch.path
        // As `era-shim within MAP MAP "" "" PROGRAM DIRECTORY …`.
        let script = """
            #!/bin/sh
            PATH=/usr/bin:/bin
            echo >> \(root)/runs
            while [ ! -e \(root)/go ]; do sleep 0.01; done
            mkdir "$7"
            """
        write(script, to: root + "/shim")
        chmod(root + "/shim", 0o755)
        let namespace = UserNamespace(
            mapping: UserMapping(user: 0, group: 0),
            maps: ["0 0 1", "0 0 1"],
            advice: nil,
            shimPath: root + "/shim",
            searchPath: []
        )
        let store = RootStore(
            dataDirectory: scratch.data,
            unpacker: TreeUnpacker(),
            unpackProgram: ["unpack"],
            removal: TreeRemoval(queue: BlockingQueue(label: "era.tests.roots"), namespaces: nil)
        )
        func runs() -> Int { readSmallFile(root + "/runs", limit: 4096)?.count ?? 0 }
        let queued = Count()
        let names = try await withThrowingTaskGroup(of: String.self) { group in
            // The first image is wanted by two.
            for (index, digit) in ["a", "a", "b", "c"].enumerated() {
                try scratch.makeDirectory("instance\(index)")
                let digest = try Digest("sha256:" + String(repeating: digit, count: 64))
                let layer = ImageLayer(path: "/layer", size: ByteCount(1), diffID: digest)
                group.addTask {
                    try await store.use([layer], by: "\(root)/instance\(index)", in: namespace) { progress in
                        if progress.isQueued { queued.add() }
                    }
                }
            }
            try await eventually("two run and two wait") { runs() == 2 && queued.value == 2 }
            #expect(runs() == RootStore.unpackLimit)
            write("", to: root + "/go")
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(names.count == 3)
        #expect(runs() == 3)
        for name in names { #expect(access(store.path(name), F_OK) == 0) }
    }
}
