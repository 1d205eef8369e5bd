import Dispatch
import Glibc

/// What came of one request over a connection of its own.
enum Answer: Hashable, Sendable {
    case answered(Int, String)
    /// Nobody listens.
    case refused
    /// Connected, and then no whole answer came.
    case broken(String)

    var body: String? { if case .answered(200, let body) = self { body } else { nil } }
}

/// What sample-web says of itself.
struct Greeting: Hashable, Sendable {
    var name: String
    var version: String
    var pid: Int32

    /// Reads `NAME VERSION, PID N, request M`.
    init?(_ body: String?) {
        let words = (body ?? "").split(whereSeparator: { " ,\n".contains($0) }).map(String.init)
        guard words.count == 6, words[2] == "PID", let pid = Int32(words[3]) else { return nil }
        (name, version, self.pid) = (words[0], words[1], pid)
    }
}

/// Asks a web server of this machine, off the threads that tests run on.
func ask(_ port: UInt16, _ path: String = "/", within limit: Duration = .seconds(10)) async -> Answer {
    await offThread {
        let answer = exchange(port, "GET \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", limit)
        guard case .answered(_, let text) = answer else { return answer }
        let status = text.split(separator: " ", maxSplits: 2).dropFirst().first.flatMap { Int($0) }
        guard let status, let end = text.firstRange(of: "\r\n\r\n") else {
            return .broken("no HTTP: \(text)")
        }
        return .answered(status, String(text[end.upperBound...]))
    }
}

/// Sends text over a connection of its own and reads until `isWhole` is content or the other side has closed.
func converse(_ port: UInt16, _ text: String, isWhole: @escaping @Sendable (String) -> Bool) async -> Answer {
    await offThread { exchange(port, text, .seconds(10), isWhole: isWhole) }
}

/// Runs what blocks on a thread that may.
func offThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
        DispatchQueue.global().async { continuation.resume(returning: body()) }
    }
}

private func exchange(
    _ port: UInt16,
    _ request: String,
    _ limit: Duration,
    isWhole: (String) -> Bool = { _ in false }
) -> Answer {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
    guard descriptor >= 0 else { return .broken("no socket") }
    defer { close(descriptor) }
    var patience = timeval(tv_sec: Int(limit.components.seconds), tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, size)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, size)
    guard withLoopback(port, { connect(descriptor, $0, $1) }) == 0 else {
        return errno == ECONNREFUSED ? .refused : .broken("connect: \(String(cString: strerror(errno)))")
    }
    let bytes = Array(request.utf8)
    guard send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
        return .broken("send: \(String(cString: strerror(errno)))")
    }
    var received: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16_384)
    while true {
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count >= 0 else { return .broken("receive: \(String(cString: strerror(errno)))") }
        received += buffer[..<count]
        let text = String(decoding: received, as: UTF8.self)
        if count == 0 { return received.isEmpty ? .broken("closed without a word") : .answered(0, text) }
        if isWhole(text) { return .answered(0, text) }
    }
}

/// Calls with the address of a port of 127.0.0.1.
private func withLoopback<Result>(
    _ port: UInt16,
    _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
) -> Result {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
}

/// A port that the kernel gives to nobody else while this exists, and that a program may listen on.
///
/// A bound socket that does not listen: with SO_REUSEADDR on both sides others bind beside it, and the
/// kernel's own choice of ports passes it by. A class, since it owns the socket.
final class ReservedPort: Sendable {
    let number: UInt16
    private let descriptor: Int32

    init() throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
        self.descriptor = descriptor
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        guard withLoopback(0, { bind(descriptor, $0, $1) }) == 0 else { throw Trouble("no port is free") }
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
        }
        number = UInt16(bigEndian: address.sin_port)
    }

    deinit { close(descriptor) }
}

/// A port on which connections are taken, and nothing is ever answered. A class, since it owns the socket.
final class SilentServer: Sendable {
    let port: UInt16
    private let place: ReservedPort
    private let descriptor: Int32

    init() throws {
        place = try ReservedPort()
        port = place.number
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        guard withLoopback(port, { bind(descriptor, $0, $1) }) == 0, listen(descriptor, 128) == 0 else {
            throw Trouble("cannot listen on \(port)")
        }
    }

    deinit { close(descriptor) }
}
