public import ERAContracts
import ERALinux
import NIOCore
import NIOPosix

/// Probes over HTTP and TCP, and by running a program, with the meaning that Kubernetes gives to each.
///
/// One event loop serves all network probes; its thread and the HTTP clients live until ``shutdown()``.
/// Source: Kubernetes `pkg/probe/http`, `tcp`, `exec`.
public final class NetworkProber: HealthProber {
    private let group: MultiThreadedEventLoopGroup
    private let clients: ProbeClients

    /// Makes the event loop's thread; nothing is connected before the first probe.
    public init() {
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        clients = ProbeClients(group: group)
    }

    /// Ends the clients and their thread. Probes under way fail; no probe may follow.
    public func shutdown() async throws {
        try await clients.shutdown()
        try await group.shutdownGracefully()
    }

    /// Returns within the request's time-out, or as soon as the task is cancelled: then the probe has failed.
    /// A program that was killed for it is waited for, at most ``Child/killLimit``.
    public func probe(_ request: ProbeRequest) async -> ProbeOutcome {
        switch request.target {
        case .http(let scheme, let host, let port, let path, let headers):
            let url = ProbeURL(scheme: scheme, host: host, port: port, path: path)
            guard let client = clients.client(for: request.timeout) else {
                return .failed("GET \(url) was cancelled")
            }
            let probe = HTTPProbe(
                client: client,
                headers: headers,
                deadline: .now() + TimeAmount(request.timeout + .seconds(60))
            )
            return await limited("GET \(url)", request.timeout) { try await probe.run(url) }
        case .tcp(let host, let port):
            let probe = TCPProbe(group: group, host: host, port: port)
            if let outcome = probe.immediateOutcome() { return outcome }
            return await limited("connecting to \(probe.target)", request.timeout) {
                try await probe.run(timeout: request.timeout)
            }
        case .exec(let command, let environment):
            return await ExecProbe(command: command, environment: environment).run(timeout: request.timeout)
        }
    }

    /// Runs a probe that reacts to cancellation, and cancels it when the time is over.
    private func limited(
        _ what: String,
        _ timeout: Duration,
        _ body: @escaping @Sendable () async throws -> ProbeOutcome
    ) async -> ProbeOutcome {
        // Of the event loop, since a task's sleep leaves its timer behind when it is cancelled.
        let alarm = group.any().scheduleTask(in: TimeAmount(timeout)) {}
        return await withTaskGroup(of: ProbeOutcome.self) { group in
            group.addTask {
                do {
                    return try await body()
                } catch {
                    return .failed("\(what) failed: \(describe(error))")
                }
            }
            group.addTask {
                do {
                    try await withTaskCancellationHandler {
                        try await alarm.futureResult.get()
                    } onCancel: {
                        alarm.cancel()
                    }
                    return .failed("\(what) had no answer within \(timeout)")
                } catch {
                    return .failed("\(what) was cancelled")
                }
            }
            let outcome = await group.next() ?? .failed(what)
            group.cancelAll()
            return outcome
        }
    }
}

/// The longest text of a failed probe, in bytes.
let outcomeTextLimit = 512

extension ProbeOutcome {
    /// A failure with a text of at most `outcomeTextLimit` bytes.
    static func failed(_ text: String) -> ProbeOutcome {
        guard text.utf8.count > outcomeTextLimit else { return .failure(text) }
        var short = ""
        var size = 0
        for scalar in text.unicodeScalars {
            size += UTF8.width(scalar)
            if size > outcomeTextLimit { break }
            short.unicodeScalars.append(scalar)
        }
        return .failure(short)
    }
}

/// What an error of the network says to a user, in one line.
private func describe(_ error: any Error) -> String {
    switch error {
    case let error as IOError: SystemError(error.errnoCode).text
    case let error as NIOConnectionError:
        error.connectionErrors.first.map { describe($0.error) } ?? "the name \(error.host) has no address"
    case let error as ChannelError where error == .connectTimeout(.zero): "connect time-out"
    case is CancellationError: "cancelled"
    default: "\(error)"
    }
}
