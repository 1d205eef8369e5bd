import CLinux
import Glibc

/// The inotify watches on a directory of manifests, on everything below it,
/// and on what its own path goes through.
struct WatchTree {
    /// What a batch of events says.
    struct Seen {
        var changes: [FileChange] = []
        /// Something is complete: act at once.
        var isUrgent = false
        /// Something is there whose writer has not been seen to close it: look after the settle time.
        var needsSettling = false
        /// A manifest is being written.
        var hasOpenWrites = false
    }

    /// Whether the kernel watches every directory; else only rescans find the changes.
    private(set) var isComplete = false
    /// Of inotify; whoever made the tree closes it.
    let descriptor: CInt
    private let root: String
    private let options: DirectorySourceOptions
    /// Paths relative to the root, empty or ending in `/`.
    private var content: [CInt: String] = [:]
    /// The names that matter in directories that only lead to the root.
    private var above: [CInt: Set<String>] = [:]

    /// Room for some hundred events a read.
    private static let bufferSize = 16_384

    /// Nil when the kernel gives no inotify instance (`fs.inotify.max_user_instances`).
    init?(root: String, options: DirectorySourceOptions) {
        descriptor = era_watch_open()
        guard descriptor >= 0 else { return nil }
        self.root = root
        self.options = options
    }

    /// Watches what is there now and forgets what is not.
    mutating func rebuild() {
        isComplete = true
        let before = Set(content.keys).union(above.keys)
        content = [:]
        above = [:]
        watchAbove()
        var entryCount = 0
        watch("", depth: 0, &entryCount)
        for watch in before where content[watch] == nil && above[watch] == nil {
            era_watch_remove(descriptor, watch)
        }
    }

    /// Watches where the path to the root can change its meaning: the root's own name, symbolic links, and
    /// the first directory that is missing.
    private mutating func watchAbove() {
        for path in FileTrust.parents(of: root) + [root] where path != "/" {
            var status = stat()
            let isMissing = lstat(path, &status) != 0
            guard isMissing || path == root || status.st_mode & S_IFMT == S_IFLNK,
                let slash = path.lastIndex(of: "/")
            else { continue }
            let parent = slash == path.startIndex ? "/" : String(path[..<slash])
            let watch = era_watch_entries(descriptor, parent)
            if watch >= 0 {
                above[watch, default: []].insert(String(path[path.index(after: slash)...]))
            } else {
                noteFailure()
            }
            if isMissing { return }
        }
    }

    private mutating func watch(_ path: String, depth: Int, _ entryCount: inout Int) {
        let place = path.isEmpty ? root : "\(root)/\(path)"
        let watch = era_watch_content(descriptor, place, path.isEmpty ? 1 : 0)
        guard watch >= 0 else { return noteFailure() }
        content[watch] = path
        // The watch first: what appears from now on is reported, what was there is listed.
        let flags = O_RDONLY | O_DIRECTORY | (path.isEmpty ? 0 : O_NOFOLLOW)
        guard depth < options.depthLimit,
            // One that cannot be opened is gone, which is reported, or unreadable, which the scan reports.
            let directory = try? Descriptor(era_open_at(AT_FDCWD, place, flags, 0)),
            // Likewise for one that cannot be listed.
            let names = try? directory.names(limit: options.entryLimit - entryCount)
        else { return }
        entryCount += names.count
        for case let name? in names where !isHidden(name) {
            self.watch("\(path)\(name)/", depth: depth + 1, &entryCount)
        }
    }

    private mutating func noteFailure() {
        // Not a directory, or not there: nothing to watch. Anything else is the kernel's refusal.
        if ![ENOTDIR, ENOENT, ELOOP].contains(errno) { isComplete = false }
    }

    /// Reads all waiting events.
    mutating func read() -> Seen {
        var seen = Seen()
        var isStale = false
        withUnsafeTemporaryAllocation(byteCount: Self.bufferSize, alignment: 8) { buffer in
            while true {
                let size = era_watch_read(descriptor, buffer.baseAddress, buffer.count)
                guard size > 0 else { return }
                var offset = 0
                var event = era_watch_event()
                while era_watch_next(buffer.baseAddress, size, &offset, &event) != 0 {
                    if take(event, into: &seen) { isStale = true }
                }
            }
        }
        if isStale {
            rebuild()
            seen.isUrgent = true
        }
        return seen
    }

    /// - Returns: Whether the watches no longer fit the tree.
    private mutating func take(_ event: era_watch_event, into seen: inout Seen) -> Bool {
        if event.overflow != 0 { return true }
        if let names = above[event.watch], content[event.watch] == nil {
            return event.lost != 0 || event.name.map { names.contains(String(cString: $0)) } ?? false
        }
        guard let directory = content[event.watch] else { return false }  // of a watch that was removed
        guard event.lost == 0 else {
            content[event.watch] = nil
            return true
        }
        guard let text = event.name else {
            seen.isUrgent = true
            return false
        }
        let name = String(cString: text)
        if isIndirection(name) {
            seen.isUrgent = true
            return false
        }
        if isHidden(name) { return false }
        if event.is_directory != 0 { return true }
        if isManifestName(name) { take(event, path: directory + name, into: &seen) }
        return false
    }

    private func take(_ event: era_watch_event, path: String, into seen: inout Seen) {
        if event.modified != 0 {
            seen.changes.append(FileChange(path: path, kind: .written))
            seen.hasOpenWrites = true
        }
        if event.closed != 0 || event.moved_in != 0 {
            seen.changes.append(FileChange(path: path, kind: .complete))
            seen.isUrgent = true
        }
        if event.vanished != 0 {
            seen.changes.append(FileChange(path: path, kind: .vanished))
            seen.isUrgent = true
        }
        if event.attributes != 0 { seen.isUrgent = true }
        // A new file is followed by a close, which is urgent; a new link is not.
        if event.created != 0 { seen.needsSettling = true }
    }
}
