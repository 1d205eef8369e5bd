import AsyncHTTPClient
import ERACore
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// The one HTTP client of a fetcher, made when it is first needed: a
/// daemon that fetches nothing pays nothing.
///
/// With a thread of its own that ends with it. NIO's shared group would
/// start one for each core, which none ends.
final class LazyClient: Sendable {
    private enum State {
        case unused
        case ready(HTTPClient, MultiThreadedEventLoopGroup)
        case closed
    }

    private let state = Mutex(State.unused)
    private let options: FetchOptions

    init(_ options: FetchOptions) { self.options = options }

    /// - Throws: ``Failure`` where the trusted certificates cannot be read;
    ///   `CancellationError` after the end.
    func client() throws -> HTTPClient {
        try state.withLock { state in
            switch state {
            case .ready(let client, _): return client
            case .closed: throw CancellationError()
            case .unused:
                let configuration = try configuration()
                let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
                let client = HTTPClient(
                    eventLoopGroupProvider: .shared(group),
                    configuration: configuration
                )
                state = .ready(client, group)
                return client
            }
        }
    }

    /// Ends it, with the connections that are left.
    func shutdown() async {
        let previous = state.withLock { state in
            let previous = state
            state = .closed
            return previous
        }
        guard case .ready(let client, let group) = previous else { return }
        // What fails here is the closing of a connection that nobody uses any more.
        try? await client.shutdown()
        // And here that of a thread that has ended.
        try? await group.shutdownGracefully()
    }

    private func configuration() throws -> HTTPClient.Configuration {
        var tls = TLSConfiguration.makeClientConfiguration()
        if let path = options.trustRoots {
            do {
                tls.additionalTrustRoots = [.certificates(try NIOSSLCertificate.fromPEMFile(path))]
            } catch {
                throw Failure.permanent(
                    .fetchRefused,
                    "cannot read the trusted certificates in \(path); give a PEM file"
                )
            }
        }
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls,
            // Redirects are ours: what is checked and dropped on the way is a matter of security.
            redirectConfiguration: .disallow,
            // The time limits are ours too, and cover what these do not; this one is for a silent address.
            timeout: .init(
                connect: .nanoseconds(Int64(clamping: (options.stallLimit / .nanoseconds(1)).rounded))
            )
        )
        configuration.httpVersion = .http1Only
        configuration.connectionPool.idleTimeout = .seconds(5)
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = options.parallelLimit
        // The engine retries, with back-off; the client would hide why.
        configuration.connectionPool.retryConnectionEstablishment = false
        return configuration
    }
}

extension Double {
    fileprivate var rounded: Int { Int(self.rounded(.up)) }
}
