public import ERACore

/// Where manifests come from: a watched directory, a git branch, what was applied through the API.
///
/// A source is asked for its whole content, and only hints at changes: whoever misses a hint loses
/// nothing but time.
public protocol ManifestSource: Sendable {
    /// Names the source in status, in errors and in the store; stable across restarts.
    var id: SourceID { get }

    /// Everything the source holds now.
    ///
    /// Idempotent; changes nothing. A file that cannot be read or has not settled yet is listed with its
    /// problem, never left out: what is left out was deleted.
    /// - Throws: ``SourceUnavailable`` when the source as a whole cannot be
    ///   read; nothing is to be concluded then.
    func snapshot() async throws -> SourceSnapshot

    /// Yields whenever the content may have changed, coalesced. Ends when the consuming task is cancelled.
    func changes() -> AsyncStream<Void>
}

/// The name of a source: `directory:/etc/era/manifests`, `api`.
public struct SourceID: Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
    /// What `era apply` and other clients of the API declared.
    public static let api = SourceID("api")

    public let rawValue: String
    public init(_ rawValue: String) { self.rawValue = rawValue }
    public init(from decoder: any Decoder) throws { rawValue = try String(from: decoder) }
    public func encode(to encoder: any Encoder) throws { try rawValue.encode(to: encoder) }
    public var description: String { rawValue }
    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// The content of a source at one moment.
public struct SourceSnapshot: Equatable, Sendable {
    /// Names the content: a commit, or a digest of the files; equal revisions have equal files.
    public var revision: String
    /// Sorted by path.
    public var files: [SourceFile]
    /// The commit that it is; nil where the source has none.
    public var commit: SourceCommit?

    public init(revision: String, files: [SourceFile], commit: SourceCommit? = nil) {
        self.revision = revision
        self.files = files
        self.commit = commit
    }
}

/// What a commit says of itself. Anybody may write anything there.
public struct SourceCommit: Hashable, Sendable {
    /// The most characters of each text.
    public static let textLimit = 200

    public var author: String
    public var committedAt: WallTime
    /// The first line of its message.
    public var subject: String

    public init(author: String, committedAt: WallTime, subject: String) {
        self.author = author
        self.committedAt = committedAt
        self.subject = subject
    }
}

/// One manifest file of a source.
public struct SourceFile: Equatable, Sendable {
    public enum Content: Equatable, Sendable {
        case bytes([UInt8])
        /// The file is there and cannot be used: what is wrong, and what to do about it.
        case unreadable(String)
        /// The file is there and still being written; the source hints again when it has settled.
        case unsettled
    }

    /// Relative to the source's root, with `/`.
    public var path: String
    public var content: Content

    public init(path: String, content: Content) {
        self.path = path
        self.content = content
    }
}

/// The source as a whole cannot be read: the directory is missing, unmounted,
/// unsafe; the repository is out of reach.
public struct SourceUnavailable: Error, Equatable, Sendable, CustomStringConvertible {
    /// Lower case: what was attempted on what, and what to do about it.
    public let message: String
    public init(_ message: String) { self.message = message }
    public var description: String { message }
}
