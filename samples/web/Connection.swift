import Glibc

/// One client: what came, what is still to go, and until when we wait for it.
struct Connection {
    /// A client that neither sends nor reads for so long is dropped.
    static let idleLimit: Milliseconds = 30_000

    let descriptor: Int32
    var input: [UInt8] = []
    private(set) var output: [UInt8] = []
    /// When the answer is due that `/slow` holds back.
    var answerAt: Milliseconds?
    /// No request follows the answer under way.
    var isLast = false
    /// Requests answered.
    var served = 0
    private(set) var deadline: Milliseconds

    init(descriptor: Int32, now: Milliseconds) {
        self.descriptor = descriptor
        deadline = now + Self.idleLimit
    }

    /// Between two requests of a client that was answered before; such a client expects to be cut off.
    var isBetweenRequests: Bool { served > 0 && input.isEmpty && output.isEmpty && answerAt == nil }

    /// The next moment at which something is due whatever the client does.
    var wakeAt: Milliseconds { min(answerAt ?? deadline, deadline) }

    /// What to wait for, as poll(2) wants it.
    var events: Int16 {
        if !output.isEmpty { return Int16(POLLOUT) }
        return answerAt == nil ? Int16(POLLIN) : 0
    }

    /// Reads what is there.
    ///
    /// - Returns: Whether the connection is still of use.
    mutating func receive(_ buffer: UnsafeMutableRawBufferPointer, now: Milliseconds) -> Bool {
        let count = read(descriptor, buffer.baseAddress, buffer.count)
        if count > 0 {
            input.append(contentsOf: buffer[..<count])
            deadline = now + Self.idleLimit
            return true
        }
        return count < 0 && (errno == EAGAIN || errno == EINTR)
    }

    /// Queues an answer, and sends what the socket takes at once.
    ///
    /// - Returns: Whether the connection is still of use.
    mutating func send(_ bytes: [UInt8], now: Milliseconds) -> Bool {
        output.append(contentsOf: bytes)
        served += 1
        return flush(now: now)
    }

    /// Sends what is left.
    ///
    /// - Returns: Whether the connection is still of use.
    mutating func flush(now: Milliseconds) -> Bool {
        guard !output.isEmpty else { return true }
        let count = write(descriptor, output, output.count)
        guard count >= 0 else { return errno == EAGAIN || errno == EINTR }
        output.removeFirst(count)
        deadline = now + Self.idleLimit
        return !(output.isEmpty && isLast)
    }
}
