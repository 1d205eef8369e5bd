import Glibc

/// One thread, one poll(2) loop.
struct WebServer {
    /// Further clients wait in the kernel's queue.
    static let connectionLimit = 8192
    /// How long `/slow` thinks.
    static let slowAnswer: Milliseconds = 2000
    /// How long a client that has connected and said nothing may keep us from ending.
    static let drainLimit: Milliseconds = 1000
    /// How long to leave the listener alone when the process is out of descriptors.
    static let acceptPause: Milliseconds = 100

    private let options: Options
    private let listener: Listener
    private let stopSignals: StopSignals
    private let startedAt = monotonicNow()
    private var connections: [Connection] = []
    private var served = 0
    private var stoppingSince: Milliseconds?
    private var acceptAgainAt: Milliseconds = 0

    init(_ options: Options, _ listener: Listener, _ stopSignals: StopSignals) {
        self.options = options
        self.listener = listener
        self.stopSignals = stopSignals
    }

    /// Serves until SIGTERM or SIGINT, then finishes the requests in hand.
    ///
    /// - Returns: The exit code.
    mutating func run() -> Int32 {
        raiseDescriptorLimit()
        signal(SIGPIPE, SIG_IGN)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16_384, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let now = monotonicNow()
            if let crashAfter = options.crashAfter, now - startedAt >= crashAfter {
                complain("\(options.name): crashing, as --crash-after asked")
                return 1
            }
            if let stoppingSince,
                connections.isEmpty || now - stoppingSince > Self.drainLimit + Self.slowAnswer
            {
                say("\(options.name): stopped after \(served) requests")
                return 0
            }
            wait(buffer, now: now)
        }
    }

    /// Waits for the next thing to happen, and deals with it.
    private mutating func wait(_ buffer: UnsafeMutableRawBufferPointer, now: Milliseconds) {
        var polled = connections.map { pollfd(fd: $0.descriptor, events: $0.events, revents: 0) }
        let accepts = stoppingSince == nil && connections.count < Self.connectionLimit && now >= acceptAgainAt
        // poll(2) skips negative descriptors.
        polled.append(pollfd(fd: accepts ? listener.descriptor : -1, events: Int16(POLLIN), revents: 0))
        // Closed by the other side means that a signal came; nobody asks a second time.
        let signals = stoppingSince == nil ? stopSignals.descriptor : -1
        polled.append(pollfd(fd: signals, events: Int16(POLLIN), revents: 0))
        let timeout = nextWake(now: now).map { Int32(max(0, $0 - now)) } ?? -1
        poll(&polled, nfds_t(polled.count), timeout)
        let now = monotonicNow()
        if polled[connections.count + 1].revents != 0 {
            stoppingSince = now
            say("\(options.name): told to stop, finishing \(connections.count) connections")
        }
        let hasClients = polled[connections.count].revents != 0
        serve(polled, buffer, now: now)
        if hasClients { acceptAll(buffer, now: now) }
    }

    /// The earliest moment at which something is due; nil when only clients and signals matter.
    private func nextWake(now: Milliseconds) -> Milliseconds? {
        var wake = connections.map(\.wakeAt).min()
        func note(_ moment: Milliseconds) { wake = min(wake ?? moment, moment) }
        if let crashAfter = options.crashAfter { note(startedAt + crashAfter) }
        if let stoppingSince { note(stoppingSince + Self.drainLimit) }
        if acceptAgainAt > now { note(acceptAgainAt) }
        return wake
    }

    /// Goes once through the connections that were polled and drops those that are done.
    private mutating func serve(
        _ polled: [pollfd],
        _ buffer: UnsafeMutableRawBufferPointer,
        now: Milliseconds
    ) {
        var kept: [Connection] = []
        kept.reserveCapacity(connections.count)
        for index in connections.indices {
            var connection = connections[index]
            if advance(&connection, polled[index].revents, buffer, now: now) {
                kept.append(connection)
            } else {
                close(connection.descriptor)
            }
        }
        connections = kept
    }

    private mutating func acceptAll(_ buffer: UnsafeMutableRawBufferPointer, now: Milliseconds) {
        while connections.count < Self.connectionLimit {
            guard let descriptor = listener.accept() else {
                if errno == EMFILE || errno == ENFILE { acceptAgainAt = now + Self.acceptPause }
                return
            }
            var connection = Connection(descriptor: descriptor, now: now)
            // The request has mostly come by now: answering at once saves a round of poll.
            if advance(&connection, Int16(POLLIN), buffer, now: now) {
                connections.append(connection)
            } else {
                close(descriptor)
            }
        }
    }

    /// - Returns: Whether the connection is still of use.
    private mutating func advance(
        _ connection: inout Connection,
        _ revents: Int16,
        _ buffer: UnsafeMutableRawBufferPointer,
        now: Milliseconds
    ) -> Bool {
        if revents & Int16(POLLIN) != 0 {
            guard connection.receive(buffer, now: now) else { return false }
        } else if revents & Int16(POLLERR | POLLHUP | POLLNVAL) != 0 {
            return false
        }
        guard connection.flush(now: now), answer(&connection, now: now) else { return false }
        if let stoppingSince {
            let isSilent = connection.input.isEmpty && connection.events == Int16(POLLIN)
            if connection.isBetweenRequests { return false }
            if isSilent, now - stoppingSince >= Self.drainLimit { return false }
        }
        return now < connection.deadline
    }

    /// Answers the requests that are complete, in order, one at a time.
    ///
    /// - Returns: Whether the connection is still of use.
    private mutating func answer(_ connection: inout Connection, now: Milliseconds) -> Bool {
        while connection.events == Int16(POLLIN) || connection.answerAt != nil {
            switch Request.parse(connection.input) {
            case .incomplete:
                return true
            case .malformed:
                connection.isLast = true
                connection.input = []
                let response = Response(status: "400 Bad Request", body: "not a request\n")
                return connection.send(response.encoded(keepsAlive: false, withBody: true), now: now)
            case .request(let request, let length):
                if request.path == "/slow" {
                    let due = connection.answerAt ?? now + Self.slowAnswer
                    connection.answerAt = due
                    guard now >= due else { return true }
                    connection.answerAt = nil
                }
                connection.input.removeFirst(length)
                served += 1
                let keepsAlive = request.keepsAlive && stoppingSince == nil
                connection.isLast = !keepsAlive
                let response = response(to: request, now: now)
                let bytes = response.encoded(keepsAlive: keepsAlive, withBody: request.method != "HEAD")
                guard connection.send(bytes, now: now) else { return false }
            }
        }
        return true
    }

    private func response(to request: Request, now: Milliseconds) -> Response {
        guard request.method == "GET" || request.method == "HEAD" else {
            return Response(status: "405 Method Not Allowed", body: "GET and HEAD only\n")
        }
        switch request.path {
        case "/", "/slow":
            return Response(
                status: "200 OK",
                body: "\(options.name) \(options.version), PID \(getpid()), request \(served)\n"
            )
        case "/healthz":
            if options.isUnhealthy {
                return Response(
                    status: "500 Internal Server Error",
                    body: "unhealthy, as --unhealthy asked\n"
                )
            }
            if now - startedAt < options.readyAfter {
                return Response(status: "503 Service Unavailable", body: "not ready yet\n")
            }
            return Response(status: "200 OK", body: "ok\n")
        default:
            return Response(status: "404 Not Found", body: "try /, /healthz or /slow\n")
        }
    }

    /// As many descriptors as the hard limit allows; the default of 1024 is less than our backlog.
    private func raiseDescriptorLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = min(limit.rlim_max, rlim_t(Self.connectionLimit + 64))
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
