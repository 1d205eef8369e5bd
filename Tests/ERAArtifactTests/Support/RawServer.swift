import Foundation
import Glibc
import Synchronization
import Testing

/// A TCP server on loopback whose answers a test writes byte by byte; one request a connection.
final class RawServer: Sendable {
    typealias Answer = @Sendable (_ index: Int, _ request: String, RawConnection) -> Void

    let port: Int
    private let listener: CInt
    private let heads = Mutex<[String]>([])

    /// The heads of the requests so far.
    var requests: [String] { heads.withLock { $0 } }
    var url: String { "http://127.0.0.1:\(port)" }

    /// Runs `body` with a server, and ends it.
    static func run<Value>(
        _ answer: @escaping Answer,
        _ body: (RawServer) async throws -> Value
    ) async throws -> Value {
        let server = try RawServer()
        Thread.detachNewThread { server.serve(answer) }
        defer { shutdown(server.listener, CInt(SHUT_RDWR)) }
        return try await body(server)
    }

    private init() throws {
        listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let (bound, named) = withUnsafeMutablePointer(to: &address) { [listener] pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                (bind(listener, $0, length), getsockname(listener, $0, &length))
            }
        }
        try #require(listener >= 0 && bound == 0 && named == 0)
        let listening = listen(listener, 128)
        try #require(listening == 0)
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    private func serve(_ answer: @escaping Answer) {
        while true {
            let connection = accept(listener, nil, nil)
            guard connection >= 0 else { break }
            Thread.detachNewThread { [self] in
                let connection = RawConnection(descriptor: connection)
                let head = connection.readHead()
                if !head.isEmpty {
                    let index = heads.withLock { heads in
                        heads.append(head)
                        return heads.count - 1
                    }
                    answer(index, head, connection)
                }
                connection.close()
            }
        }
        close(listener)
    }
}

/// One accepted connection of a ``RawServer``.
struct RawConnection: Sendable {
    let descriptor: CInt

    func send(_ text: String) { send(Array(text.utf8)) }

    /// Sends all of it, unless the other side has gone. Returns whether it has not.
    @discardableResult
    func send(_ bytes: some Collection<UInt8>) -> Bool {
        var rest = Array(bytes)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// A whole answer with the right length.
    func answer(_ status: String, _ headers: [String] = [], _ body: [UInt8] = []) {
        send(head(status, headers + ["Content-Length: \(body.count)"]))
        send(body)
    }

    func head(_ status: String, _ headers: [String]) -> String {
        (["HTTP/1.1 \(status)"] + headers + ["Connection: close", "", ""]).joined(separator: "\r\n")
    }

    /// What follows a head that says how much that is.
    func body(of head: String) -> String {
        guard let length = header("Content-Length", in: head).flatMap({ Int($0) }), length > 0 else {
            return ""
        }
        var body = [UInt8](repeating: 0, count: length)
        let count = recv(descriptor, &body, body.count, CInt(MSG_WAITALL))
        return String(decoding: body.prefix(max(0, count)), as: UTF8.self)
    }

    /// Blocks until the other side has gone.
    func waitUntilClosed() {
        var byte: UInt8 = 0
        while recv(descriptor, &byte, 1, 0) > 0 {}
    }

    /// Makes closing send RST.
    func reset() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
    }

    fileprivate func close() { Glibc.close(descriptor) }

    fileprivate func readHead() -> String {
        var head: [UInt8] = []
        var byte: UInt8 = 0
        while !head.suffix(4).elementsEqual([13, 10, 13, 10]), head.count < 65_536 {
            guard recv(descriptor, &byte, 1, 0) == 1 else { return "" }
            head.append(byte)
        }
        return String(decoding: head, as: UTF8.self)
    }
}

/// The value of a header in a request's head; nil where it is not there.
func header(_ name: String, in head: String) -> String? {
    head.split(separator: "\r\n").first { $0.lowercased().hasPrefix(name.lowercased() + ":") }
        .map { $0.dropFirst(name.count + 1).trimmingCharacters(in: .whitespaces) }
}
