public import ERAContracts

import CLinux
import Dispatch
import Glibc
import Synchronization

/// Manifests in a directory and its subdirectories, watched by inotify and looked through every 30 seconds.
///
/// Read are `*.yaml`, `*.yml` and `*.json`; names that begin with a dot and what editors leave are passed by.
/// Symbolic links to files are followed inside the directory, as in a Kubernetes ConfigMap volume; links to
/// directories are not. Nobody but root, ERA's user and the trusted owners may be able to write any of it.
///
/// A class, because snapshots and watches share what is known about the files.
public final class DirectorySource: ManifestSource {
    public let id: SourceID

    private let root: String
    private let options: DirectorySourceOptions
    private let clock: any Clock<Duration>
    private let stopwatch: Stopwatch
    private let writes = OpenWrites()
    private let known = Mutex(KnownFiles())
    private let watches: Mutex<[WeakWatch]> = Mutex([])
    /// Reading blocks; here it blocks no thread of Swift's pool, and one snapshot waits for the other.
    private let queue = DispatchQueue(label: "era.source.scan")

    /// A source of the manifests below `path`, which need not be there yet.
    ///
    /// - Parameter path: Absolute, or relative to the present working directory.
    public init(
        path: String,
        options: DirectorySourceOptions = DirectorySourceOptions(),
        clock: any Clock<Duration> = ContinuousClock()
    ) {
        root = Self.absolute(path)
        id = SourceID("directory:\(root)")
        self.options = options
        self.clock = clock
        stopwatch = Stopwatch(clock)
    }

    /// - Throws: ``SourceUnavailable``; `CancellationError`.
    public func snapshot() async throws -> SourceSnapshot {
        let scan = try await scanOnQueue()
        guard let wait = scan.wait, !hasWatches else { return scan.snapshot }
        // Nobody listens for the hint that something has settled: have it settled here.
        try await clock.sleep(for: min(wait, options.settleTime))
        return try await scanOnQueue().snapshot
    }

    public func changes() -> AsyncStream<Void> {
        let watch = DirectoryWatch(
            root: root,
            options: options,
            clock: clock,
            stopwatch: stopwatch,
            writes: writes
        )
        watches.withLock { watches in
            watches.removeAll { $0.watch == nil }
            watches.append(WeakWatch(watch: watch))
        }
        return AsyncStream {
            await watch.next()
        } onCancel: {
            watch.close()
        }
    }

    private var hasWatches: Bool { watches.withLock { $0.contains { $0.watch != nil } } }

    private func scanOnQueue() async throws -> (snapshot: SourceSnapshot, wait: Duration?) {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try self.scan() }) }
        }
    }

    /// - Returns: The content, and how long until what has not settled may have.
    private func scan() throws -> (snapshot: SourceSnapshot, wait: Duration?) {
        try known.withLock { known in
            var found = try walk(known)
            // Between two reads of a directory a rename can hide a file: what is missing is looked for twice.
            if known.hasMissing(found.entries) { found = try walk(known) }
            try guardAgainstUnmount(found.root, entries: found.entries, known)

            // What was written while it was read is known by now.
            let live = watches.withLock { $0.compactMap(\.watch) }
            for watch in live { watch.drain() }
            let now = stopwatch.elapsed()
            writes.forgetSettled(at: now, options)
            let result = known.settle(found.entries, root: found.root, writes, at: now, options)
            if let wait = result.wait {
                for watch in live { watch.lookAgain(after: wait) }
            }
            return result
        }
    }

    private func walk(_ known: KnownFiles) throws -> (root: FileStamp, entries: [DirectoryScan.Entry]) {
        let trust = FileTrust(owners: options.trustedOwners)
        let reader = ManifestReader(options: options, trust: trust)
        var scan = DirectoryScan(root: root, options: options, trust: trust)
        let stamp = try scan.run { root, path in reader.read(root, path, known: known.files[path]) }
        return (stamp, scan.entries)
    }

    /// A file system that is gone leaves the empty directory on which it was mounted.
    private func guardAgainstUnmount(
        _ stamp: FileStamp,
        entries: [DirectoryScan.Entry],
        _ known: KnownFiles
    ) throws {
        guard entries.isEmpty, let before = known.root, before.device != stamp.device else { return }
        throw SourceUnavailable(
            "\(root) is empty and on another file system than before: it looks unmounted; mount it again, or restart "
                + "ERA if this is meant; nothing is deleted meanwhile"
        )
    }

    /// The path without `.`, `..`, doubled and trailing slashes; the meaning of
    /// symbolic links is left to the kernel.
    private static func absolute(_ path: String) -> String {
        var path = path
        if !path.hasPrefix("/"), let current = getcwd(nil, 0) {
            path = String(cString: current) + "/" + path
            free(current)
        }
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            // Only where nothing but names come before it, `..` is the name before taken back.
            if part == "..", let last = parts.last, last != ".." {
                parts.removeLast()
            } else {
                parts.append(part)
            }
        }
        return "/" + parts.joined(separator: "/")
    }
}

/// Lets a source find its watches without keeping them.
private struct WeakWatch: Sendable {
    weak let watch: DirectoryWatch?
}
