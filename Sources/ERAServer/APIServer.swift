public import ERAContracts
public import ERACore
import HummingbirdCore
public import Logging
import NIOCore
import NIOPosix
public import ServiceLifecycle

/// Serves the API on a unix socket until it is asked to shut down.
///
/// One event loop thread does all input and output, whatever the number of connections.
public struct APIServer: Service {
    private let options: Options
    private let responder: Responder
    private let logger: Logger

    /// - Parameter now: Reads both clocks; the uptimes of the engine's views must be meant on the same ones.
    public init(
        controlPlane: any ControlPlane,
        options: Options,
        now: @escaping @Sendable () -> Timestamp = SystemClocks.now,
        logger: Logger
    ) {
        self.options = options
        self.logger = logger
        responder = Responder(controlPlane: controlPlane, options: options, now: now, logger: logger)
    }

    /// Listens and answers until the task is cancelled or the service group shuts down; watches end then.
    ///
    /// - Throws: ``SocketFault`` when the socket cannot be made.
    public func run() async throws {
        let socket = SocketFile(path: options.socketPath, group: options.allowedGroup)
        try socket.prepare()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let outcome: Result<Void, any Error>
        do {
            try await serve(server(socket, on: group))
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        socket.remove()
        try await group.shutdownGracefully()
        try outcome.get()
    }

    /// Runs the server until this task is cancelled or the service group shuts down.
    ///
    /// Either way it is shut down in order: first nobody is let in any more, then streams end, then what is
    /// under way may finish. (Cancelling the server itself drops connections that are accepted and not yet
    /// served, and NIO takes a dropped connection for a bug of the program.)
    private func serve(_ server: Server<HTTP1Channel>) async throws {
        let (stops, stop) = AsyncStream<Void>.makeStream()
        let (limits, startLimit) = AsyncStream<Void>.makeStream()
        let streams = responder.streams
        let limit = options.limits.shutdownTimeLimit
        let served = Task {
            try await withThrowingTaskGroup(of: Ending.self) { group in
                group.addTask {
                    try await server.run()
                    return .served
                }
                group.addTask {
                    for await _ in stops {}
                    guard !Task.isCancelled else { return .shutDown }
                    streams.close()
                    // It fails only where the server is not running, and then there is nothing to shut down.
                    try? await server.shutdownGracefully()
                    return .shutDown
                }
                group.addTask {
                    for await _ in limits {}
                    // Cut short when the server has ended before.
                    try? await Task.sleep(for: limit)
                    return .limit
                }
                for try await ending in group where ending != .shutDown { group.cancelAll() }
            }
        }
        let end: @Sendable () -> Void = {
            stop.finish()
            startLimit.finish()
        }
        try await withTaskCancellationHandler {
            try await withGracefulShutdownHandler {
                do {
                    try await served.value
                } catch Server<HTTP1Channel>.Error.serverShutdown {
                    // Stopped before it had begun.
                }
            } onGracefulShutdown: {
                end()
            }
        } onCancel: {
            end()
        }
    }

    /// What has ended while the server runs or stops.
    private enum Ending {
        case served, shutDown, limit
    }

    private func server(_ socket: SocketFile, on group: MultiThreadedEventLoopGroup) -> Server<HTTP1Channel> {
        let limits = options.limits
        var http = HTTP1Channel.Configuration(idleTimeout: TimeAmount(limits.idleTimeLimit))
        http.httpDecoder = .init(
            maxHeaderFieldSize: limits.headerFieldSizeLimit,
            maxHeaderListSize: limits.headerListSizeLimit,
            maxHeaderFieldCount: limits.headerFieldCountLimit
        )
        return Server(
            childChannelSetup: HTTP1Channel(
                responder: { request, writer, channel in
                    let response = await responder.respond(to: request, on: channel)
                    try await writer.write(response: response.head, body: response.body)
                },
                configuration: http
            ),
            configuration: ServerConfiguration(
                address: .unixDomainSocket(path: options.socketPath),
                availableConnectionsDelegate: .maximum(limits.connectionLimit, logger: logger)
            ),
            onServerRunning: { channel in
                do {
                    try socket.admit()
                } catch {
                    // Nobody but this user can use the socket as it is now: refused is better than open.
                    logger.error("cannot set the socket's permissions", metadata: ["error": "\(error)"])
                    channel.close(promise: nil)
                }
            },
            eventLoopGroup: group,
            logger: logger
        )
    }
}
