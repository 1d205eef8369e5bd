import Glibc

/// Why the API's socket cannot be made.
public enum SocketFault: Error, Equatable, Sendable, CustomStringConvertible {
    /// Another daemon answers there; its process number, where it can be told.
    case inUse(path: String, holder: Int32?)
    case tooLong(path: String)
    /// Its directory can be written by others, or is no directory.
    case unsafeDirectory(path: String, why: String)
    /// There is a file, and it is no socket.
    case occupied(path: String)
    case failed(path: String, what: String, errno: Int32)

    public var description: String {
        switch self {
        case .inUse(let path, let holder):
            "another daemon\(holder.map { " (PID \($0))" } ?? "") already answers at \(path); stop it, or use another --run-dir"
        case .tooLong(let path):
            "the path of the socket has \(path.utf8.count) bytes, the system allows "
                + "\(SocketFile.pathLengthLimit): \(path); use a shorter --run-dir"
        case .unsafeDirectory(let path, let why): "the run directory \(path) is not safe: \(why)"
        case .occupied(let path): "\(path) exists and is no socket; move it away, or use another --run-dir"
        case .failed(let path, let what, let code):
            "cannot \(what) \(path): \(String(cString: strerror(code)))"
        }
    }
}

/// Makes sure that no daemon answers on a unix socket, there or not. Changes nothing, and never waits.
///
/// - Throws: ``SocketFault``: `inUse`, or what keeps it from being told.
public func requireUnanswered(socketPath: String) throws(SocketFault) {
    guard socketPath.utf8.count <= SocketFile.pathLengthLimit else { throw .tooLong(path: socketPath) }
    try SocketFile(path: socketPath, group: nil).requireUnanswered()
}

/// The API's socket in the file system: made so that only those who may use it can open it.
struct SocketFile: Sendable {
    /// The longest path of a unix socket on Linux, without the NUL at its end (unix(7)).
    static let pathLengthLimit = 107

    let path: String
    /// The group that may use it; nil for the daemon's user alone.
    let group: UInt32?

    private var directory: String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Makes the directory and takes away a socket that nobody listens on.
    /// - Throws: ``SocketFault``
    func prepare() throws(SocketFault) {
        guard path.utf8.count <= Self.pathLengthLimit else { throw .tooLong(path: path) }
        try makeDirectory()
        var status = stat()
        guard lstat(path, &status) == 0 else {
            guard errno == ENOENT else { throw .failed(path: path, what: "look at", errno: errno) }
            return
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw .occupied(path: path) }
        try requireUnanswered()
        guard unlink(path) == 0 || errno == ENOENT else {
            throw .failed(path: path, what: "remove the stale socket", errno: errno)
        }
    }

    /// Lets those in who may use the bound socket: mode 0660, and the group's.
    /// - Throws: ``SocketFault``
    func admit() throws(SocketFault) {
        if let group, chown(path, uid_t.max, group) != 0 {
            throw .failed(path: path, what: "give to group \(group)", errno: errno)
        }
        guard chmod(path, 0o660) == 0 else {
            throw .failed(path: path, what: "set the mode of", errno: errno)
        }
    }

    func remove() { unlink(path) }

    private func makeDirectory() throws(SocketFault) {
        if mkdir(directory, 0o700) != 0, errno != EEXIST {
            throw .failed(path: directory, what: "make the directory", errno: errno)
        }
        var status = stat()
        guard lstat(directory, &status) == 0 else {
            throw .failed(path: directory, what: "look at", errno: errno)
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw .unsafeDirectory(path: directory, why: "it is no directory")
        }
        guard status.st_uid == geteuid() else {
            throw .unsafeDirectory(path: directory, why: "it belongs to user \(status.st_uid)")
        }
        if let group, chown(directory, uid_t.max, group) != 0 {
            throw .failed(path: directory, what: "give to group \(group)", errno: errno)
        }
        guard chmod(directory, group == nil ? 0o700 : 0o710) == 0 else {
            throw .failed(path: directory, what: "set the mode of", errno: errno)
        }
    }

    /// - Throws: ``SocketFault``: `inUse` where somebody listens on the socket.
    func requireUnanswered() throws(SocketFault) {
        let flags = Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | flags, 0)
        guard descriptor >= 0 else { throw .failed(path: path, what: "open a socket for", errno: errno) }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
        }
        guard result != 0 else {
            let holder = Self.peer(of: descriptor)
            // A daemon that was killed as it started a child: the child holds the socket until it has become
            // a program, and nobody will ever answer.
            if let holder, kill(holder, 0) != 0, errno == ESRCH { return }
            throw .inUse(path: path, holder: holder)
        }
        switch errno {
        case ECONNREFUSED, ENOENT: return
        // A full queue has a listener behind it.
        case EAGAIN: throw .inUse(path: path, holder: nil)
        default: throw .failed(path: path, what: "try", errno: errno)
        }
    }

    /// The process that listens at the other end (SO_PEERCRED, unix(7)).
    private static func peer(of descriptor: Int32) -> Int32? {
        var peer = Peer(pid: 0, user: 0, group: 0)
        var size = socklen_t(MemoryLayout<Peer>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 else { return nil }
        return peer.pid > 0 ? peer.pid : nil
    }
}
