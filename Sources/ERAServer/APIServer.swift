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
            try await server(socket, on: group).run()
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        socket.remove()
        try await group.shutdownGracefully()
        try outcome.get()
    }

    private func server(_ socket: SocketFile, on group: MultiThreadedEventLoopGroup) throws -> any Service {
        let limits = options.limits
        var http = HTTP1Channel.Configuration(idleTimeout: TimeAmount(limits.idleTimeLimit))
        http.httpDecoder = .init(
            maxHeaderFieldSize: limits.headerFieldSizeLimit,
            maxHeaderListSize: limits.headerListSizeLimit,
            maxHeaderFieldCount: limits.headerFieldCountLimit
        )
        return try HTTPServerBuilder.http1(configuration: http).buildServer(
            configuration: ServerConfiguration(
                address: .unixDomainSocket(path: options.socketPath),
                availableConnectionsDelegate: .maximum(limits.connectionLimit, logger: logger)
            ),
            eventLoopGroup: group,
            logger: logger,
            responder: { request, writer, channel in
                let response = await responder.respond(to: request, on: channel)
                try await writer.write(response: response.head, body: response.body)
            },
            onServerRunning: { channel in
                do {
                    try socket.admit()
                } catch {
                    // Nobody but this user can use the socket as it is now: refused is better than open.
                    logger.error("cannot set the socket's permissions", metadata: ["error": "\(error)"])
                    channel.close(promise: nil)
                }
            }
        )
    }
}
