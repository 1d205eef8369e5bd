import AsyncHTTPClient
public import ERAAPI
import ERACore
import NIOCore

/// The longest line of a watch in bytes: an object as large as the API accepts,
/// with its status, fits several times.
public let watchLineLimit = 16 << 20

/// A watch of deployments: each iteration is one request, which ends with it.
///
/// First what exists, as `added`, then a bookmark that ends the initial events, then what changes. Ends when
/// the daemon ends it (it stops, or the reader fell behind): start again then.
public struct WatchEvents: AsyncSequence, Sendable {
    let transport: Transport
    let path: String

    public func makeAsyncIterator() -> Iterator { Iterator(lines: JSONLines(transport, path)) }

    public struct Iterator: AsyncIteratorProtocol {
        var lines: JSONLines

        /// - Throws: ``ClientError``; `CancellationError`.
        public mutating func next() async throws -> WatchEvent? {
            guard let line = try await lines.next() else { return nil }
            do {
                return try WatchEvent(json: line)
            } catch let error as APIStatus {
                throw ClientError.status(error)
            } catch {
                throw ClientError.protocolViolation("\(error)")
            }
        }
    }
}

/// Events as they happen: each iteration is one request, which ends with it.
public struct EventObjects: AsyncSequence, Sendable {
    let transport: Transport
    let path: String

    public func makeAsyncIterator() -> Iterator { Iterator(lines: JSONLines(transport, path)) }

    public struct Iterator: AsyncIteratorProtocol {
        var lines: JSONLines

        /// - Throws: ``ClientError``; `CancellationError`.
        public mutating func next() async throws -> EventObject? {
            while let line = try await lines.next() {
                guard let object = line["object"] else { continue }
                if line["type"]?.string == "ERROR" {
                    throw ClientError.status(
                        (try? APIStatus(json: object))  // an ERROR without a Status still is one
                            ?? APIStatus(code: 500, reason: "InternalError", message: "the watch failed")
                    )
                }
                if object["kind"]?.string == "Event" { return try EventObject(object) }
            }
            return nil
        }
    }
}

/// A workload's output as it was written: each iteration is one request, which ends with it.
public struct LogChunks: AsyncSequence, Sendable {
    let transport: Transport
    let path: String

    public func makeAsyncIterator() -> Iterator { Iterator(chunks: AnswerChunks(transport, path)) }

    public struct Iterator: AsyncIteratorProtocol {
        var chunks: AnswerChunks

        /// - Throws: ``ClientError``; `CancellationError`.
        public mutating func next() async throws -> [UInt8]? {
            try await chunks.next().map { Array($0.readableBytesView) }
        }
    }
}

/// The body of an answer that does not end by itself; the request is sent when its first chunk is asked for.
struct AnswerChunks {
    private let transport: Transport
    private let path: String
    /// What is sent; nil for a request that only asks.
    private let request: JSONValue?
    private var body: HTTPClientResponse.Body.AsyncIterator?

    init(_ transport: Transport, _ path: String, sending request: JSONValue? = nil) {
        self.transport = transport
        self.path = path
        self.request = request
    }

    /// Nil when the other side has ended it.
    mutating func next() async throws -> ByteBuffer? {
        var iterator: HTTPClientResponse.Body.AsyncIterator
        if let body {
            iterator = body
        } else {
            let method = request == nil ? "GET" : "POST"
            iterator = try await transport.stream(method, path, body: request).makeAsyncIterator()
        }
        defer { body = iterator }
        return try await transport.translatingErrors { try await iterator.next() }
    }
}

/// The JSON objects, one a line, of an answer that does not end by itself.
struct JSONLines {
    private var chunks: AnswerChunks
    private var pending: [UInt8] = []
    /// Where in `pending` the next line begins.
    private var start = 0

    init(_ transport: Transport, _ path: String, sending request: JSONValue? = nil) {
        chunks = AnswerChunks(transport, path, sending: request)
    }

    /// Nil when the other side has ended it.
    mutating func next() async throws -> JSONValue? {
        var scanned = start
        while true {
            if let end = pending[scanned...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = Array(pending[start..<end])
                start = end + 1
                if line.isEmpty { scanned = start; continue }
                do { return try JSONText.read(line) } catch {
                    throw ClientError.protocolViolation("\(error)")
                }
            }
            pending.removeSubrange(..<start)
            start = 0
            scanned = pending.count
            guard scanned <= watchLineLimit else {
                throw ClientError.protocolViolation("a line of more than \(watchLineLimit) bytes")
            }
            // What is left without a line end was cut off; the next watch tells it whole.
            guard let chunk = try await chunks.next() else { return nil }
            pending += chunk.readableBytesView
        }
    }
}
