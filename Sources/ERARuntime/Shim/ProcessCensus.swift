internal import ERACore
internal import Glibc
internal import Synchronization

/// Looks at all processes of the machine; those who ask at the same time share one look.
///
/// After all shims were killed, each of hundreds of instances asks what is left of it, again and again: one
/// walk over `/proc` answers all. An actor, so that looks are taken one after the other.
actor ProcessCensus {
    /// A process that has not ended.
    struct Entry: Hashable, Sendable {
        var identity: ProcessIdentity
        var group: Int32
        /// The value of ERA_INSTANCE in its environment, where it has one that we may read.
        var marker: String?
    }

    /// The variable that every process of an instance inherits.
    static let variable = "ERA_INSTANCE"
    /// Beyond this much of an environment nobody looks.
    private static let environmentLimit = 1 << 18

    /// How many looks have begun.
    private nonisolated let begun = Mutex(0)
    private var latest: (number: Int, entries: [Entry]) = (0, [])

    /// How many looks were taken.
    var count: Int { latest.number }

    /// What is alive: as seen by a look that began after this call did.
    ///
    /// - Throws: ``Failure`` when not all could be seen: what was not seen may live.
    nonisolated func entries() async throws -> [Entry] {
        try await entries(after: begun.withLock { $0 })
    }

    /// As seen by a look with a greater number; takes one only if there was none yet.
    func entries(after number: Int) throws -> [Entry] {
        if latest.number > number { return latest.entries }
        let next = begun.withLock { begun in
            begun += 1
            return begun
        }
        latest = (next, try Self.look())
        return latest.entries
    }

    private static func look() throws -> [Entry] {
        let names = try allNamesInDirectory("/proc")
        let own = getpid()
        var entries: [Entry] = []
        for pid in names.compactMap({ Int32($0) }) where pid != own {
            errno = 0
            guard let stat = ProcessStat(pid: pid), !stat.hasEnded else {
                // It has ended meanwhile; or nobody can tell.
                guard !isShortage(errno) else { throw failure("look at", "process \(pid)") }
                continue
            }
            entries.append(
                Entry(
                    identity: ProcessIdentity(pid: pid, startTime: stat.startTime),
                    group: stat.group,
                    marker: try marker(of: pid)
                )
            )
        }
        return entries
    }

    private static func marker(of pid: Int32) throws -> String? {
        guard let environment = readSmallFile("/proc/\(pid)/environ", limit: environmentLimit) else {
            // What has ended meanwhile, or is another user's, has no mark of ours.
            guard !isShortage(errno) else { throw failure("read the environment of", "process \(pid)") }
            return nil
        }
        let name = Array("\(variable)=".utf8)
        return environment.split(separator: 0).first { $0.starts(with: name) }
            .map { String(decoding: $0.dropFirst(name.count), as: UTF8.self) }
    }
}
