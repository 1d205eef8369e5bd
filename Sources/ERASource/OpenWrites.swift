import Synchronization

/// What inotify said about one manifest.
struct FileChange {
    enum Kind {
        /// Written to, and not closed yet.
        case written
        /// Closed after writing, or renamed to its place: as its author wants it.
        case complete
        case vanished
    }

    let path: String
    let kind: Kind
}

/// Which manifests are being written, as far as the kernel told.
///
/// A class, because watches write what snapshots read.
final class OpenWrites: Sendable {
    private enum Mark {
        case open(lastWrite: Duration)
        case complete(at: Duration)
    }

    private let marks: Mutex<[String: Mark]> = Mutex([:])

    /// Takes in a change; `now` is a time of the source's stopwatch.
    func record(_ change: FileChange, at now: Duration) {
        marks.withLock { marks in
            switch change.kind {
            case .written: marks[change.path] = .open(lastWrite: now)
            case .complete: marks[change.path] = .complete(at: now)
            case .vanished: marks[change.path] = nil
            }
        }
    }

    /// How long the file must still be left alone; nil when it may be used.
    ///
    /// - Parameter age: The time since the file's last modification by its time stamp, which decides only
    ///   where the kernel told nothing; negative where a clock was set back.
    func wait(for path: String, age: Duration, at now: Duration, _ options: DirectorySourceOptions)
        -> Duration?
    {
        switch marks.withLock({ $0[path] }) {
        case .open(let lastWrite):
            let rest = lastWrite + options.openSettleTime - now
            return rest > .zero ? rest : nil
        case .complete: return nil
        case nil:
            return age >= .zero && age < options.settleTime ? options.settleTime - age : nil
        }
    }

    /// Forgets what the files' time stamps say as well by now.
    func forgetSettled(at now: Duration, _ options: DirectorySourceOptions) {
        marks.withLock { marks in
            marks = marks.filter { _, mark in
                switch mark {
                case .open(let lastWrite): lastWrite + options.openSettleTime > now
                case .complete(let at): at + options.settleTime * 2 > now
                }
            }
        }
    }
}
