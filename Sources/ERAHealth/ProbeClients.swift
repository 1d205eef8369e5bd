import AsyncHTTPClient
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// The HTTP clients of a prober: one for each order of magnitude of time limits.
///
/// The time that a connection may take to be established, TLS included, belongs to the client and not to the
/// request: with one client for all, what never answers a handshake would be waited for long after its probe.
///
/// A class, since probes share it.
final class ProbeClients: Sendable {
    /// The greatest time limit that has a client of its own, in seconds;
    /// with powers of two there are at most 13.
    static let secondsLimit: Int64 = 4096

    private let group: MultiThreadedEventLoopGroup
    /// By time limit in seconds; nil after the end.
    private let clients = Mutex<[Int64: HTTPClient]?>([:])

    init(group: MultiThreadedEventLoopGroup) { self.group = group }

    /// The client for requests of a time limit; nil after the end.
    func client(for timeout: Duration) -> HTTPClient? {
        let seconds = Self.limit(for: timeout)
        return clients.withLock { clients in
            if let client = clients?[seconds] { return client }
            guard clients != nil else { return nil }
            let client = HTTPClient(
                eventLoopGroupProvider: .shared(group),
                configuration: Self.configuration(seconds)
            )
            clients?[seconds] = client
            return client
        }
    }

    /// The least power of two that is not below a time limit, in seconds.
    static func limit(for timeout: Duration) -> Int64 {
        let (whole, rest) = timeout.components
        let seconds = rest > 0 ? whole + 1 : whole
        var limit: Int64 = 1
        while limit < seconds, limit < secondsLimit { limit <<= 1 }
        return limit
    }

    /// Ends all clients; waits for connections that are being established.
    func shutdown() async throws {
        let last = clients.withLock { clients in
            defer { clients = nil }
            return clients.map { Array($0.values) } ?? []
        }
        for client in last { try await client.shutdown() }
    }

    private static func configuration(_ seconds: Int64) -> HTTPClient.Configuration {
        // As the kubelet: what a probe asks is whether the workload answers, not who it is.
        var configuration = HTTPClient.Configuration(certificateVerification: .none)
        configuration.timeout.connect = .seconds(seconds)
        configuration.redirectConfiguration = .disallow
        configuration.httpVersion = .http1Only
        configuration.maximumUsesPerConnection = 1
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 1024
        return configuration
    }
}
