import Dispatch
import Glibc

/// A client that writes whatever bytes a test wants, and may leave unread what comes back.
///
/// What may wait runs on a thread of its own: the threads of Swift's tasks are the server's.
final class RawConnection: Sendable {
    struct Failure: Error { let what: String, code: Int32 }

    private let descriptor: Int32

    /// - Parameter receiveBuffer: The size of the kernel's buffer for what comes back; nil for the default.
    init(_ path: String, receiveBuffer: Int32? = nil) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Failure(what: "socket", code: errno) }
        if var receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, socklen_t(MemoryLayout<Int32>.size))
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        // All properties are set: the deinit runs, and closes, also when this throws.
        guard result == 0 else { throw Failure(what: "connect", code: errno) }
    }

    deinit { close(descriptor) }

    /// Writes all bytes, or as many as the other side takes before it closes.
    /// - Returns: Whether all were taken.
    @discardableResult
    func write(_ bytes: [UInt8]) async -> Bool { await offload { $0.writeNow(bytes) } }

    private func writeNow(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            guard wait(for: Int16(POLLOUT), milliseconds: 30_000) else { return false }
            let count = rest.withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    @discardableResult
    func write(_ text: String) async -> Bool { await write(Array(text.utf8)) }

    /// Everything until the other side closes; nil when it has not within 30 s.
    func readToEnd() async -> String? { await offload { $0.readToEndNow() } }

    private func readToEndNow() -> String? {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            guard wait(for: Int16(POLLIN), milliseconds: 30_000) else { return nil }
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<count]
        }
    }

    /// Reads until `text` has come; nil when the other side closes or says nothing for 30 s.
    func read(until text: String) async -> String? { await offload { $0.readNow(until: text) } }

    private func readNow(until text: String) -> String? {
        var seen = ""
        var buffer = [UInt8](repeating: 0, count: 65536)
        while !seen.contains(text) {
            guard wait(for: Int16(POLLIN), milliseconds: 30_000) else { return nil }
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { return nil }
            seen += String(decoding: buffer[..<count], as: UTF8.self)
        }
        return seen
    }

    private func offload<Value: Sendable>(_ work: @escaping @Sendable (RawConnection) -> Value) async -> Value
    {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: work(self)) }
        }
    }

    private func wait(for events: Int16, milliseconds: Int32) -> Bool {
        var poll = pollfd(fd: descriptor, events: events, revents: 0)
        return Glibc.poll(&poll, 1, milliseconds) > 0
    }
}
