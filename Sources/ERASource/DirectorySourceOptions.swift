public import Glibc

/// How a directory of manifests is read; the defaults are what `era` uses.
public struct DirectorySourceOptions: Sendable {
    /// The longest time between two hints, whatever the kernel reports: network file systems report nothing.
    public var rescanInterval: Duration = .seconds(30)
    /// The same where the kernel refuses to watch (`fs.inotify.max_user_watches`), or is not asked to.
    public var pollInterval: Duration = .seconds(2)
    /// False for a file system that is known to report nothing, to look at it every `pollInterval` instead.
    public var usesKernelEvents = true
    /// How long a file that nobody was seen to close must stay as it is, and a file that is
    /// gone must stay away, before it counts.
    public var settleTime: Duration = .milliseconds(100)
    /// The same for a file that was seen to be written and not closed: a part of a manifest is no manifest,
    /// however slowly the rest comes.
    public var openSettleTime: Duration = .seconds(10)
    /// The shortest time between two hints; doubled while changes keep coming, up to `burstGapLimit`.
    public var gap: Duration = .milliseconds(5)
    /// The longest time by which a burst of changes holds back a hint.
    public var burstGapLimit: Duration = .milliseconds(50)

    /// The most manifest files in a source; beyond it the source is
    /// unavailable, since a part of it would be a lie.
    public var fileLimit = 10_000
    /// The most bytes of a manifest file; beyond it the file is listed as unreadable.
    public var fileSizeLimit = 1 << 20
    /// The most bytes of all manifests together; beyond it the source is unavailable.
    public var totalSizeLimit = 64 << 20
    /// How many directories may lie within each other; a deeper one is listed as unreadable.
    public var depthLimit = 16
    /// The most entries of all kinds that a scan looks at; beyond it the source is unavailable.
    public var entryLimit = 100_000

    /// Who else, beside root and ERA's own user, may own manifests and the directories above them.
    public var trustedOwners: Set<uid_t> = []

    public init() {}
}
