import AsyncHTTPClient
import ERAAPI
import ERACore
import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix

/// The largest answer in bytes that is read into memory; streams have no such bound.
let answerSizeLimit = 256 << 20

/// HTTP over the daemon's socket: one event loop, one thread.
///
/// A class, because the HTTP client must be shut down when the last copy of its owner is gone.
final class Transport: Sendable {
    /// What came back, read to its end.
    struct Answer {
        var code: Int
        var headers: [(name: String, value: String)]
        var body: [UInt8]

        func header(_ name: String) -> String? {
            headers.first { $0.name.lowercased() == name.lowercased() }?.value
        }
    }

    let socketPath: String
    private let base: String
    private let group: MultiThreadedEventLoopGroup
    private let http: HTTPClient
    private let timeout: Duration

    init(socketPath: String, timeout: Duration) {
        self.socketPath = socketPath
        self.timeout = timeout
        base = "http+unix://" + PercentEncoding.encode(socketPath, keepingSlash: false)
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.decompression = .disabled
        // Whoever asks a daemon that is not there wants to know now.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
        http = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
    }

    deinit {
        let group = group
        // The client is kept by its shutdown, the group by the closure; neither has anything left to tell.
        http.shutdown { _ in group.shutdownGracefully { _ in } }
    }

    /// Sends a request and reads the answer, whatever its status.
    func answer(
        _ method: String,
        _ path: String,
        contentType: String? = nil,
        body: JSONValue? = nil
    ) async throws -> Answer {
        let request = self.request(method, path, contentType: contentType, body: body)
        return try await translatingErrors {
            let response = try await http.execute(request, timeout: TimeAmount(timeout))
            let buffer = try await response.body.collect(upTo: answerSizeLimit)
            return Answer(
                code: Int(response.status.code),
                headers: response.headers.map { ($0.name, $0.value) },
                body: Array(buffer.readableBytesView)
            )
        }
    }

    /// Opens a stream: the answer's body, chunk by chunk, for as long as the other side writes.
    /// - Throws: ``ClientError/status(_:)`` when the answer is an error instead.
    func stream(_ method: String = "GET", _ path: String, body: JSONValue? = nil) async throws
        -> HTTPClientResponse.Body
    {
        let request = self.request(method, path, contentType: nil, body: body)
        let response = try await translatingErrors {
            try await http.execute(request, deadline: .distantFuture)
        }
        guard response.status.code == 200 else {
            let buffer = try await translatingErrors {
                try await response.body.collect(upTo: answerSizeLimit)
            }
            throw Self.error(code: Int(response.status.code), body: Array(buffer.readableBytesView))
        }
        return response.body
    }

    private func request(
        _ method: String,
        _ path: String,
        contentType: String?,
        body: JSONValue?
    ) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: base + path)
        request.method = .init(rawValue: method)
        request.headers.add(name: "Accept", value: "application/json")
        request.headers.add(name: "User-Agent", value: "era")
        if let body {
            request.headers.add(name: "Content-Type", value: contentType ?? "application/json")
            request.body = .bytes(ByteBuffer(bytes: JSONText.write(body)))
        }
        return request
    }

    /// The error that an answer's status and body tell.
    static func error(code: Int, body: [UInt8]) -> ClientError {
        // A body that is no Status leaves nothing to tell but the code.
        guard let json = try? JSONText.read(body), let status = try? APIStatus(json: json) else {
            return .protocolViolation("HTTP status \(code) without an explanation")
        }
        return .status(status)
    }

    /// Runs `body`, and says what its errors mean for somebody who talks to the daemon.
    func translatingErrors<Result>(
        isolation: isolated (any Actor)? = #isolation,
        _ body: () async throws -> Result
    ) async throws -> Result {
        do {
            return try await body()
        } catch let error as ClientError {
            throw error
        } catch let error as CancellationError {
            throw error
        } catch let error as IOError {
            throw ClientError.notReachable(socketPath: socketPath, why: Self.explain(error))
        } catch let error as HTTPClientError {
            switch error {
            case .deadlineExceeded, .connectTimeout, .readTimeout:
                throw ClientError.timedOut(seconds: timeout.components.seconds)
            case .cancelled: throw CancellationError()
            case .remoteConnectionClosed:
                throw ClientError.notReachable(socketPath: socketPath, why: "it closed the connection")
            default: throw ClientError.protocolViolation("\(error)")
            }
        } catch let error as SocketAddressError {
            throw ClientError.notReachable(
                socketPath: socketPath,
                why: "the path is no socket's path (\(error))"
            )
        } catch {
            throw ClientError.protocolViolation("\(error)")
        }
    }

    private static func explain(_ error: IOError) -> String {
        switch error.errnoCode {
        case ENOENT: "there is no such socket"
        case ECONNREFUSED: "nobody listens there any more"
        case EACCES, EPERM: "this user may not open it"
        case ECONNRESET, EPIPE: "it closed the connection"
        default: "\(error)"
        }
    }
}
