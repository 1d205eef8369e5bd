/// Where the API listens and whom it answers.
public struct Options: Sendable {
    /// `<run>/era.sock`; its directory is made with mode 0700.
    public var socketPath: String
    /// Users beside root and the daemon's own that may use the API: the members of this group (their main
    /// group). The directory and the socket then are the group's.
    public var allowedGroup: UInt32?
    /// ERA's own version, for `/version`.
    public var version: String
    public var limits: Limits

    public init(
        socketPath: String,
        allowedGroup: UInt32? = nil,
        version: String,
        limits: Limits = Limits()
    ) {
        self.socketPath = socketPath
        self.allowedGroup = allowedGroup
        self.version = version
        self.limits = limits
    }

    /// What a client may use up.
    public struct Limits: Sendable {
        /// The largest request body in bytes: a manifest's own limit.
        public var bodySizeLimit = 1 << 20
        /// The longest header field in bytes, and the longest address.
        public var headerFieldSizeLimit = 16 << 10
        /// All header fields of a request together, in bytes.
        public var headerListSizeLimit = 64 << 10
        public var headerFieldCountLimit = 100
        /// Connections beyond it wait to be accepted.
        public var connectionLimit = 256
        /// Watches and followed logs at a time; beyond it 429.
        public var watcherLimit = 128
        /// How long a connection may take to send a request's head, and may lie idle between requests.
        public var idleTimeLimit = Duration.seconds(30)
        /// How long a request's body may take to arrive.
        public var bodyTimeLimit = Duration.seconds(30)
        /// How long a stream's reader may leave what is written to it unread.
        public var stallTimeLimit = Duration.seconds(30)
        /// How often a watch that asked for bookmarks gets one while nothing changes.
        public var bookmarkInterval = Duration.seconds(60)

        /// How long requests under way may go on when the server stops; then their connections are cut.
        public var shutdownTimeLimit = Duration.seconds(5)

        public init() {}
    }
}
