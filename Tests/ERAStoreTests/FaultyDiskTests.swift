import ERAContracts
import ERACore
import Glibc
import Testing

@testable import ERAStore

/// Starts the tests below in a process of their own, with the library that fails calls.
@Suite struct FaultyDiskRun {
    @Test(.enabled(if: !FaultyDisk.isLoaded, "this is that process"), .timeLimit(.minutes(3)))
    func `the store keeps its promises on a disk that fails`() throws {
        let directory = try TemporaryDirectory()
        for name in ["disk", "image"] { mkdir("\(directory.path)/\(name)", 0o700) }
        let library = "\(directory.path)/faulty-disk.so"
        try overwrite("\(directory.path)/faulty-disk.c", Array(FaultyDisk.source.utf8))
        let environment = String(decoding: bytes("/proc/self/environ") ?? [], as: UTF8.self)
            .split(separator: "\0").map(String.init)
        // The package has targets in C: where it was built there is a compiler.
        let compilation = [
            "-shared", "-fPIC", "-O1", "-o", library, "\(directory.path)/faulty-disk.c", "-ldl",
        ]
        let isCompiled = ["clang", "cc"].contains { run($0, compilation, environment).status == 0 }
        try #require(isCompiled, "no C compiler could build the library: neither clang nor cc")

        // Instrumented builds and the like preload something as well.
        let preload = environment.first { $0.hasPrefix("LD_PRELOAD=") }.map { ":" + $0.dropFirst(11) } ?? ""
        let end = run(
            "/proc/self/exe",
            ["--testing-library", "swift-testing", "--filter", #"ERAStoreTests\.FaultyDiskTests"#] + bundle,
            environment.filter { !$0.hasPrefix("LD_PRELOAD=") && !$0.hasPrefix("SWT_") } + [
                "LD_PRELOAD=\(library)\(preload)", "FAULTY_DISK=\(directory.path)/disk",
                "FAULTY_DISK_IMAGE=\(directory.path)/image",
            ],
            output: "\(directory.path)/output"
        )
        let output = String(decoding: bytes("\(directory.path)/output") ?? [], as: UTF8.self)
        #expect(end.status == 0, "\(output)")
        // Nobody may take tests that did not run for tests that passed.
        #expect(output.contains("Test run with 6 tests in 1 suite passed"), "\(output)")
    }

    /// The runner is the toolchain's own in some versions; then an argument names the bundle.
    private var bundle: [String] {
        guard let index = CommandLine.arguments.firstIndex(of: "--test-bundle-path") else { return [] }
        return Array(CommandLine.arguments[index...].prefix(2))
    }

    private func run(
        _ program: String,
        _ arguments: [String],
        _ environment: [String],
        output: String = "/dev/null"
    ) -> (status: Int32, pid: pid_t) {
        var argv: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
        defer { for text in argv + envp { free(text) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var pid = pid_t()
        guard posix_spawnp(&pid, program, &actions, nil, &argv, &envp) == 0 else { return (-1, 0) }
        var status: Int32 = 0
        return waitpid(pid, &status, 0) == pid ? (status, pid) : (-1, pid)
    }
}

/// One after the other: the disk fails for the whole process.
@Suite(.serialized, .enabled(if: FaultyDisk.isLoaded, "they run in a process that FaultyDiskRun starts"))
struct FaultyDiskTests {
    /// Empty directories for the disk and for what a power cut would leave of it.
    private func disk() throws -> (path: String, image: String) {
        let path = try #require(getenv("FAULTY_DISK").map { String(cString: $0) })
        let image = try #require(getenv("FAULTY_DISK_IMAGE").map { String(cString: $0) })
        for directory in [path, image] { for name in entries(directory) { unlink("\(directory)/\(name)") } }
        return (path, image)
    }

    /// The control: the model notices whoever repeats a flush that failed as if it had worked.
    @Test func `a flush that is repeated after a failure keeps nothing`() throws {
        let (path, image) = try disk()
        let file = open("\(path)/file", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        defer { close(file) }
        let (first, second) = (Array("first ".utf8), Array("second".utf8))
        #expect(write(file, first, 6) == 6 && fsync(file) == 0)
        #expect(write(file, second, 6) == 6)
        try FaultyDisk.fail(.sync, EIO)
        #expect(fsync(file) == -1 && errno == EIO)
        try FaultyDisk.fail(.sync, 0)
        #expect(fsync(file) == 0, "as Linux says")
        #expect(bytes("\(path)/file") == first + second)
        #expect(bytes("\(image)/file") == first)
        #expect(pwrite(file, second, 6, 6) == 6 && fsync(file) == 0)
        #expect(bytes("\(image)/file") == first + second, "what is written anew is kept")
    }

    @Test func `after a flush that failed, everything acknowledged outlives a power cut`() async throws {
        let (path, image) = try disk()
        let store = try SQLiteRecordStore.open(dataDirectory: path)
        var life = try Life("web")
        try life.run()
        for index in 0..<40 { try life.happen(.readinessChanged(unready: index % 2 == 0 ? "503" : nil)) }
        var next = 0
        while next < life.entries.count {
            // Every fifth append meets a disk whose flush fails once, and is asked again after the recovery.
            if next % 5 == 4 {
                // What was accepted before is at stake as well.
                _ = try await store.append(life.entries[next], .deferred)
                next += 1
                guard next < life.entries.count else { break }
                try FaultyDisk.fail(.sync, EIO)
                let fault = await #expect(throws: StoreFault.self) {
                    try await store.append(life.entries[next], .required)
                }
                guard case .unwritable(let why) = fault else { throw try #require(fault) }
                #expect(why.contains("input/output error"))
                try FaultyDisk.fail(.sync, 0)
                try await store.recover()
            }
            _ = try await store.append(life.entries[next], .required)
            next += 1
            // The power goes now.
            let copy = try TemporaryDirectory()
            for name in entries(image) {
                try overwrite("\(copy.path)/\(name)", try #require(bytes("\(image)/\(name)")))
            }
            let found = try SQLiteRecordStore.open(dataDirectory: copy.path)
            #expect(try await found.load().quarantinedCopy == nil)
            #expect(
                try await found.load().records.map(\.record) == [life.entries[next - 1].record],
                "\(next)"
            )
            #expect(try await found.journal(life.key).events == life.entries[..<next].map(\.event))
            await found.close()
        }
        await store.close()
    }

    @Test(arguments: [(ENOSPC, "no space left"), (EIO, "input/output error"), (EROFS, "era.db")])
    func `a disk that takes no writes degrades the store, which then goes on`(
        code: Int32,
        text: String
    ) async throws {
        let (path, _) = try disk()
        let store = try SQLiteRecordStore.open(dataDirectory: path)
        let life = try Life.eventful()
        try await store.append(life.entries[..<6])
        for call in [FaultyDisk.Call.write, .open] { try FaultyDisk.fail(call, code) }
        let fault = await #expect(throws: StoreFault.self) {
            try await store.append(life.entries[6], .required)
        }
        guard case .unwritable(let why) = fault else { throw try #require(fault) }
        #expect(why.contains(text), "\(why)")
        #expect(
            try await store.journal(life.key).events == life.entries[..<6].map(\.event),
            "reading goes on"
        )
        await #expect(throws: StoreFault.self, "while the trouble lasts") { try await store.recover() }
        // No file can be opened any more; whoever asks is told, or answered.
        do { _ = try await store.journal(life.key) } catch is StoreFault {}
        do { _ = try await store.events(nil) } catch is StoreFault {}
        for call in [FaultyDisk.Call.write, .open] { try FaultyDisk.fail(call, 0) }
        try await store.recover()
        #expect(try await store.load().records.map(\.record) == [life.entries[5].record], "not written later")
        try await store.append(life.entries[6...])
        #expect(try replay(try await store.journal(life.key), life.key) == life.record)
        await store.close()
    }

    @Test func `on a full disk reading goes on, after a recovery that failed and from the start`()
        async throws
    {
        let (path, _) = try disk()
        let store = try SQLiteRecordStore.open(dataDirectory: path)
        let life = try Life.eventful()
        try await store.append(life.entries[..<6])
        let sound = life.entries[..<6].map(\.event)
        try FaultyDisk.fail(.write, ENOSPC)
        await #expect(throws: StoreFault.self) { try await store.append(life.entries[6], .required) }
        for _ in 0..<3 {
            await #expect(throws: StoreFault.self) { try await store.recover() }
            #expect(try await store.journal(life.key).events == sound)
            #expect(try await store.events(nil).isEmpty)
        }
        await store.close()

        let again = try SQLiteRecordStore.open(dataDirectory: path)
        #expect(try await again.load().records.map(\.record) == [life.entries[5].record])
        #expect(try await again.journal(life.key).events == sound)
        let fault = await #expect(throws: StoreFault.self) {
            try await again.append(life.entries[6], .required)
        }
        guard case .unwritable(let why) = fault else { throw try #require(fault) }
        #expect(why.contains("no space left"), "\(why)")
        try FaultyDisk.fail(.write, 0)
        try await again.recover()
        try await again.append(life.entries[6...])
        #expect(try replay(try await again.journal(life.key), life.key) == life.record)
        await again.close()
    }

    /// From the first page on, and only further back, where SQLite's check meets it.
    @Test(arguments: [0, 4_096, 8_192, 20_480])
    func `a database that cannot be read at the start is not taken for damaged`(offset: Int) async throws {
        let (path, _) = try disk()
        let store = try SQLiteRecordStore.open(dataDirectory: path)
        for name in ["a", "b", "c"] { try await store.append(try Life.eventful(name).entries, .deferred) }
        await store.close()
        let before = bytes("\(path)/era.db")
        try FaultyDisk.fail(.read, EIO, from: offset)
        let fault = #expect(throws: StoreFault.self) { try SQLiteRecordStore.open(dataDirectory: path) }
        try FaultyDisk.fail(.read, 0)
        guard case .unwritable(let why) = fault else { throw try #require(fault) }
        #expect(why.lowercased().contains("input/output error"), "\(why)")
        #expect(bytes("\(path)/era.db") == before)
        #expect(entries(path).allSatisfy { !$0.contains("corrupt") })
        let again = try SQLiteRecordStore.open(dataDirectory: path)
        #expect(try await again.load().records.count == 3)
        await again.close()
    }

    @Test func `a read-only file system at the start is refused, and nothing is moved`() async throws {
        let (path, _) = try disk()
        await (try SQLiteRecordStore.open(dataDirectory: path)).close()
        let names = entries(path)
        for call in [FaultyDisk.Call.write, .open] { try FaultyDisk.fail(call, EROFS) }
        let fault = #expect(throws: StoreFault.self) { try SQLiteRecordStore.open(dataDirectory: path) }
        for call in [FaultyDisk.Call.write, .open] { try FaultyDisk.fail(call, 0) }
        guard case .unwritable = fault else { throw try #require(fault) }
        #expect(entries(path) == names)
        await (try SQLiteRecordStore.open(dataDirectory: path)).close()
    }
}
