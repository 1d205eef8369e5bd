import Glibc
import Synchronization

/// A server of raw TCP on a free loopback port that does what a script says with each connection.
///
/// Unlike an HTTP server, it can be as wrong as a test wants.
final class ScriptedServer: Sendable {
    /// One connection; closed when the script returns.
    struct Connection {
        let descriptor: CInt

        /// What has been sent up to and including the end of an HTTP head;
        /// shorter at the end of the connection.
        func readHead() -> String {
            var bytes: [UInt8] = []
            var byte: UInt8 = 0
            while bytes.suffix(4) != [13, 10, 13, 10], read(descriptor, &byte, 1) == 1 { bytes.append(byte) }
            return String(decoding: bytes, as: UTF8.self)
        }

        /// - Returns: Whether the other side still takes something.
        @discardableResult
        func write(_ text: String) -> Bool {
            let bytes = Array(text.utf8)
            return send(descriptor, bytes, bytes.count, CInt(MSG_NOSIGNAL)) == bytes.count
        }

        func answer(_ status: String, _ headers: [String] = [], _ body: String = "") {
            let head = ["HTTP/1.1 \(status)", "Content-Length: \(body.utf8.count)"] + headers
            write(head.joined(separator: "\r\n") + "\r\n\r\n" + body)
        }

        /// Waits until the other side closes.
        func waitForEnd() {
            var byte: UInt8 = 0
            while read(descriptor, &byte, 1) > 0 {}
        }
    }

    let port: Int
    private let listener: CInt
    private let heads = Heads()

    /// Shared by the server and its connections, which may outlive it.
    private final class Heads: Sendable {
        let texts = Mutex<[String]>([])
    }

    struct Problem: Error {}

    init(_ script: @escaping @Sendable (Connection, _ head: String) -> Void) throws {
        listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(listener, pointer, length) == 0 && listen(listener, 64) == 0
                    && getsockname(listener, pointer, &length) == 0
            }
        }
        guard isListening else { throw Problem() }
        port = Int(UInt16(bigEndian: address.sin_port))
        let heads = heads
        // Threads, not a queue: scripts block, and the prober's own queues share the pool of those.
        startThread {
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else { break }
                startThread {
                    let connection = Connection(descriptor: descriptor)
                    let head = connection.readHead()
                    heads.texts.withLock { $0.append(head) }
                    script(connection, head)
                    close(descriptor)
                }
            }
            close(listener)
        }
    }

    /// The head of each request so far.
    var requests: [String] { heads.texts.withLock { $0 } }

    deinit { Glibc.shutdown(listener, CInt(SHUT_RDWR)) }
}

/// Runs `body` on a detached thread of its own.
private func startThread(_ body: @escaping @Sendable () -> Void) {
    final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
    var thread = pthread_t()
    let code = pthread_create(
        &thread,
        nil,
        { pointer in
            if let pointer { Unmanaged<Body>.fromOpaque(pointer).takeRetainedValue().run() }
            return nil
        },
        Unmanaged.passRetained(Body(body)).toOpaque()
    )
    if code == 0 { pthread_detach(thread) }
}
