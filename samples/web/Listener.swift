import Glibc

/// A listening TCP socket, our own or handed over by the supervisor.
struct Listener: CustomStringConvertible {
    /// Connections that the kernel holds for us while we are busy, or while another version starts.
    static let backlogLimit: Int32 = 4096

    let descriptor: Int32
    let description: String

    /// The socket handed over by the LISTEN_FDS protocol; nil where there is none for this process.
    ///
    /// Source: sd_listen_fds(3): descriptors start at 3, and LISTEN_PID names the process they are meant for.
    /// - Throws: ``Problem`` when the socket cannot be made non-blocking.
    private static func inherited() throws(Problem) -> Listener? {
        guard let pid = getenv("LISTEN_PID"), let count = getenv("LISTEN_FDS"),
            atoi(pid) == getpid(), atoi(count) >= 1
        else { return nil }
        let descriptor: Int32 = 3
        guard fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0,
            fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK) == 0
        else { throw Problem("cannot use the socket handed over as descriptor 3: \(errorText())") }
        return Listener(descriptor: descriptor, description: "the socket handed over as descriptor 3")
    }

    /// The socket handed over, else one of our own.
    ///
    /// - Throws: ``Problem`` as the two ways do.
    static func open(_ options: Options) throws(Problem) -> Listener {
        if let listener = try inherited() { return listener }
        return try Listener(host: options.host, port: options.port)
    }

    /// Listens on an IPv4 address.
    ///
    /// - Throws: ``Problem`` when the address is none, or taken.
    private init(host: String, port: UInt16) throws(Problem) {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        guard inet_pton(AF_INET, host, &address.sin_addr) == 1 else {
            throw Problem("--host \(host): not an IPv4 address")
        }
        let kind = SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
        let descriptor = socket(AF_INET, Int32(kind), 0)
        guard descriptor >= 0 else { throw Problem("cannot make a socket: \(errorText())") }
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard bound == 0, listen(descriptor, Self.backlogLimit) == 0 else {
            throw Problem("cannot listen on \(host):\(port): \(errorText())")
        }
        self.init(descriptor: descriptor, description: "\(host):\(port)")
    }

    private init(descriptor: Int32, description: String) {
        self.descriptor = descriptor
        self.description = description
    }

    /// The next waiting connection, non-blocking; nil when there is none, or no descriptor is left for it.
    func accept() -> Int32? {
        let connection = Glibc.accept(descriptor, nil, nil)
        guard connection >= 0 else { return nil }
        _ = fcntl(connection, F_SETFL, O_NONBLOCK)
        return connection
    }
}

/// The text of `errno`.
func errorText() -> String { String(cString: strerror(errno)) }
