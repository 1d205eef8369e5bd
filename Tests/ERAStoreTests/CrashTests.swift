import ERAContracts
import ERACore
import Glibc
import Testing

@testable import ERAStore

/// Crashes and full disks of a whole process: each test runs its store in a child of its own.
@Suite struct CrashTests {
    private static let deployments = 8

    /// Appends until the process is killed, and notes in a file what the store has
    /// promised: a line `<deployment> <entries> <version>` for each required append that
    /// returned, `d <version>` for a deferred one.
    private static func appendForEver(in directory: String, killAfter delay: Duration) async throws {
        let store = try SQLiteRecordStore.open(dataDirectory: "\(directory)/data")
        let promises = open("\(directory)/promises", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        @Sendable func promise(_ text: String) {
            var text = text
            _ = text.withUTF8 { write(promises, $0.baseAddress, $0.count) }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<deployments {
                group.addTask {
                    var life = try Life("web-\(number)")
                    try life.run()
                    for index in 0..<100_000 {
                        if index >= life.entries.count {
                            try life.happen(.readinessChanged(unready: index % 2 == 0 ? "503" : nil))
                        }
                        let isRequired = index % 3 != 0
                        let entry = life.entries[index]
                        let version = try await store.append(entry, isRequired ? .required : .deferred)
                        promise(isRequired ? "\(number) \(index + 1) \(version)\n" : "d \(version)\n")
                    }
                }
            }
            group.addTask {
                try await Task.sleep(for: delay)
                kill(getpid(), SIGKILL)
            }
            try await group.waitForAll()
        }
    }

    @Test(arguments: [3, 40, 110, 260, 430, 700])
    func `a killed process leaves a prefix with everything that it had promised`(
        milliseconds: Int
    ) async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path
        await #expect(processExitsWith: .signal(SIGKILL)) {
            [path = path as String, milliseconds = milliseconds as Int] in
            try await Self.appendForEver(in: path, killAfter: .milliseconds(milliseconds))
        }
        var promised: [String: Int] = [:]
        var greatest: Int64 = 0
        let lines = String(decoding: bytes("\(path)/promises") ?? [], as: UTF8.self).split(separator: "\n")
        for line in lines {
            let words = line.split(separator: " ")
            if let last = words.last.flatMap({ Int64($0) }) { greatest = max(greatest, last) }
            if words.count == 3 { promised["web-\(words[0])"] = Int(words[1]) }
        }

        let store = try SQLiteRecordStore.open(dataDirectory: "\(path)/data")
        let state = try await store.load()
        #expect(state.quarantinedCopy == nil)
        for number in 0..<Self.deployments {
            var life = try Life("web-\(number)")
            try life.run()
            let record = state.records.first { $0.record.key == life.key }?.record
            let excerpt = try await store.journal(life.key)
            #expect(try replay(excerpt, life.key) == record)
            guard excerpt.base == nil else { continue }
            #expect(excerpt.events.count >= promised["web-\(number)"] ?? 0, "what was promised is there")
            while life.entries.count < excerpt.events.count {
                let index = life.entries.count
                try life.happen(.readinessChanged(unready: index % 2 == 0 ? "503" : nil))
            }
            #expect(excerpt.events == life.entries.prefix(excerpt.events.count).map(\.event), "no gap")
        }
        // Also those of deferred entries that were lost are not given out again.
        #expect(state.resourceVersion.rawValue >= greatest)
        var life = try Life("after")
        try life.declare("1.0.0")
        #expect(try await store.append(life.entries[0], .required).rawValue > greatest)
        await store.close()
    }

    @Test func `a write that the kernel refuses degrades the store, and it recovers by itself`() async throws
    {
        let directory = try TemporaryDirectory()
        let path = directory.path
        await #expect(processExitsWith: .success) { [path = path as String] in
            // A limit on the size of files acts as a full disk does, and needs no privilege.
            signal(SIGXFSZ, SIG_IGN)
            await Self.report("\(path)/verdict") {
                try await Self.fillAndRecover(
                    in: "\(path)/data",
                    fill: { setFileSizeLimit(UInt(fileSize("\(path)/data/era.db-wal") ?? 0) + 10_000) },
                    release: { setFileSizeLimit(UInt.max) }
                )
            }
        }
        #expect(bytes("\(path)/verdict").map { String(decoding: $0, as: UTF8.self) } == "as it must be")
    }

    @Test(.enabled(if: geteuid() == 0, "mounting needs root; the test above needs no privilege"))
    func `a full disk degrades the store, and it recovers by itself`() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path
        mkdir("\(path)/disk", 0o700)
        try #require(run("/bin/mount", "-t", "tmpfs", "-o", "size=16m", "none", "\(path)/disk") == 0)
        defer { _ = run("/bin/umount", "-l", "\(path)/disk") }
        await #expect(processExitsWith: .success) { [path = path as String] in
            await Self.report("\(path)/verdict") {
                try await Self.fillAndRecover(
                    in: "\(path)/disk/data",
                    fill: {
                        let ballast = open("\(path)/disk/ballast", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
                        var page = [UInt8](repeating: 1, count: 4_096)
                        while write(ballast, &page, page.count) > 0 {}
                        close(ballast)
                    },
                    release: { unlink("\(path)/disk/ballast") }
                )
            }
        }
        #expect(bytes("\(path)/verdict").map { String(decoding: $0, as: UTF8.self) } == "as it must be")
    }

    /// Runs the body in a child, and leaves for the parent what was wrong, since its output is not shown.
    private static func report(_ path: String, _ body: () async throws -> Void) async {
        var verdict = "as it must be"
        do { try await body() } catch { verdict = "\(error)" }
        try? overwrite(path, Array(verdict.utf8))  // what is missing fails the parent
    }

    private struct Unexpected: Error {
        var what: String
        init(_ what: String) { self.what = what }
    }

    private static func fillAndRecover(in path: String, fill: () -> Void, release: () -> Void) async throws {
        let store = try SQLiteRecordStore.open(dataDirectory: path)
        var life = try Life("full")
        try life.run()
        try await store.append(life.entries)
        let sound = life.entries.count
        for _ in 0..<500 {
            try life.happen(.readinessChanged(unready: "503"))
            try life.happen(.readinessChanged(unready: nil))
        }

        // The control: with room, the same entries are taken.
        try await store.append(life.entries[sound..<(sound + 10)])
        var next = sound + 10
        fill()
        var fault: StoreFault?
        while fault == nil, next < life.entries.count {
            do {
                _ = try await store.append(life.entries[next], .required)
                next += 1
            } catch let caught as StoreFault {
                fault = caught
            }
        }
        guard case .unwritable = fault else {
            throw Unexpected("expected a fault, got \(String(describing: fault))")
        }
        do {
            _ = try await store.append(life.entries[next], .deferred)
            throw Unexpected("an append was accepted after the fault")
        } catch is StoreFault {}
        let readable = try await store.journal(life.key).events.count
        guard readable == next else { throw Unexpected("reading goes on") }
        var stillFull: StoreFault?
        do { try await store.recover() } catch let caught as StoreFault { stillFull = caught }
        if stillFull != nil {
            guard case .unwritable = stillFull else { throw Unexpected("\(String(describing: stillFull))") }
            // The connection was closed on the way, and may not be open again.
            _ = try? await store.events(nil)
            _ = try? await store.journal(life.key)
            release()
            try await store.recover()
        } else {
            // Moving the log into the database may have made a little room.
            release()
        }
        try await store.append(life.entries[next...])
        let excerpt = try await store.journal(life.key)
        let replayed = try replay(excerpt, life.key)
        guard replayed == life.record else { throw Unexpected("nothing lost, nothing twice") }
        await store.close()
        let reopened = try SQLiteRecordStore.open(dataDirectory: path)
        let records = try await reopened.load().records.map(\.record)
        guard records == [life.record].compactMap({ $0 }) else { throw Unexpected("reopened, it differs") }
        await reopened.close()
    }
}

private func setFileSizeLimit(_ bytes: UInt) {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
    limit.rlim_cur = min(bytes, limit.rlim_max)
    setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
}

/// Runs a program of the host and waits for it.
private func run(_ command: String...) -> Int32 {
    var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var pid = pid_t()
    guard posix_spawn(&pid, command[0], nil, nil, &arguments, nil) == 0 else { return -1 }
    var status: Int32 = 0
    return waitpid(pid, &status, 0) == pid ? status : -1
}
