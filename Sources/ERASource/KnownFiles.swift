import ERAContracts

/// What the last snapshot of a directory held: spares reading what has not changed, and tells a file that is
/// gone from one that is being replaced.
struct KnownFiles {
    private(set) var root: FileStamp?
    private(set) var files: [String: ManifestFile] = [:]
    /// All paths of the last snapshot.
    private var paths: Set<String> = []
    /// Since when a path has been missing.
    private var missing: [String: Duration] = [:]

    /// Whether something of the last snapshot is not among these.
    func hasMissing(_ entries: [DirectoryScan.Entry]) -> Bool {
        let present = Set(entries.map(\.path))
        return paths.contains { missing[$0] == nil && !present.contains($0) }
    }

    /// Makes the snapshot of what a scan found, and remembers it.
    ///
    /// - Returns: The snapshot, and how long until what has not settled may have.
    mutating func settle(
        _ entries: [DirectoryScan.Entry],
        root: FileStamp,
        _ writes: OpenWrites,
        at now: Duration,
        _ options: DirectorySourceOptions
    ) -> (snapshot: SourceSnapshot, wait: Duration?) {
        var waits: [Duration] = []
        var result: [SourceFile] = []
        var revision = ContentHash()
        var present: [String: ManifestFile] = [:]
        let time = fileSystemTime()
        for entry in entries {
            switch entry.content {
            case .absent: continue
            case .refused(let problem):
                result.append(SourceFile(path: entry.path, content: .unreadable(problem)))
            case .file(let file):
                present[entry.path] = file
                let wait = writes.wait(for: entry.path, age: time - file.stamp.modified, at: now, options)
                if let wait { waits.append(wait) }
                result.append(
                    SourceFile(path: entry.path, content: wait == nil ? .bytes(file.bytes) : .unsettled)
                )
            }
        }
        for (path, wait) in stillAwaited(present, paths: Set(entries.map(\.path)), at: now, options) {
            waits.append(wait)
            result.append(SourceFile(path: path, content: .unsettled))
        }
        result.sort { $0.path < $1.path }
        for file in result { revision.combine(file, hash: present[file.path]?.hash) }
        self.root = root
        // The missing ones too, so that a rename of which the new name is seen later is still recognised.
        files = present.merging(files.filter { missing[$0.key] != nil }) { new, _ in new }
        paths = Set(result.map(\.path))
        return (SourceSnapshot(revision: revision.text, files: result), waits.min())
    }

    /// The files of before that are missing for less than the settle time: many editors
    /// save by renaming the old file away first. A file that is now found under another
    /// path was renamed, and is awaited no longer.
    private mutating func stillAwaited(
        _ present: [String: ManifestFile],
        paths found: Set<String>,
        at now: Duration,
        _ options: DirectorySourceOptions
    ) -> [(path: String, wait: Duration)] {
        let gone = paths.filter { !found.contains($0) }
        guard !gone.isEmpty else {
            missing = [:]
            return []
        }
        let appeared = present.filter { files[$0.key] == nil }.values
        var since: [String: Duration] = [:]
        for path in gone {
            if let file = files[path],
                appeared.contains(where: { $0.stamp.isSameFile(as: file.stamp) || $0.hash == file.hash })
            {
                continue
            }
            since[path] = missing[path] ?? now
        }
        missing = since.filter { $0.value + options.settleTime > now }
        return missing.map { ($0.key, $0.value + options.settleTime - now) }
    }
}

extension ContentHash {
    /// Adds what a snapshot says about one file.
    fileprivate mutating func combine(_ file: SourceFile, hash: ContentHash?) {
        combine(file.path)
        switch file.content {
        case .bytes(let bytes):
            combine("bytes")
            combine(hash ?? ContentHash(bytes))
        case .unreadable(let problem):
            combine("unreadable")
            combine(problem)
        case .unsettled: combine("unsettled")
        }
    }
}
