import ERAContracts
import NIOCore
import NIOPosix

/// Whether something accepts connections on a port; the connection is closed at once.
struct TCPProbe: Sendable {
    let group: MultiThreadedEventLoopGroup
    let host: String
    let port: Int

    var target: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// - Throws: What the connection met.
    func run(timeout: Duration) async throws -> ProbeOutcome {
        guard (1...65_535).contains(port) else { return .failed("\(port) is not a port") }
        let bootstrap = ClientBootstrap(group: group)
            .connectTimeout(TimeAmount(timeout))
            .channelOption(.autoRead, value: false)
        // A literal address needs no resolver, and none of its threads.
        let attempt =
            if let address = try? SocketAddress(ipAddress: host, port: port) {
                bootstrap.connect(to: address)
            } else {
                bootstrap.connect(host: host, port: port)
            }
        let closed = attempt.flatMap { $0.close() }
        // The connect has its own time limit; a cancelled caller need not wait for it.
        return try await withTaskCancellationHandler {
            try await closed.get()
            return .success
        } onCancel: {
            attempt.whenSuccess { $0.close(promise: nil) }
        }
    }
}
