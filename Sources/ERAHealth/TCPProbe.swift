import CLinux
import ERAContracts
import ERALinux
import Glibc
import NIOCore
import NIOPosix

/// Whether something accepts connections on a port; the connection is closed at once.
struct TCPProbe: Sendable {
    let group: MultiThreadedEventLoopGroup
    let host: String
    let port: Int

    var target: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// The outcome where the kernel knows it without waiting, as for nearly every
    /// probe: of a program on this machine.
    ///
    /// Nil where the answer takes time, or a name must be looked up first.
    func immediateOutcome() -> ProbeOutcome? {
        guard let number = UInt16(exactly: port), number > 0 else { return .failed("\(port) is not a port") }
        return switch era_probe_connect(host, number) {
        case 0: .success
        case EINPROGRESS, EINVAL: nil
        case let code: .failed("connecting to \(target) failed: \(SystemError(code).text)")
        }
    }

    /// - Throws: What the connection met.
    func run(timeout: Duration) async throws -> ProbeOutcome {
        let bootstrap = ClientBootstrap(group: group)
            .connectTimeout(TimeAmount(timeout))
            .channelOption(.autoRead, value: false)
        let attempt =
            // A literal address needs no resolver, and none of its threads; any other text is a name.
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
