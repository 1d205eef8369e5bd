import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// An https server on a free loopback port whose certificate is wrong in every way: it has signed itself, is
/// for another name, and was valid for a day of the year 2000.
///
/// The key is for nothing but this.
final class TLSServer: Sendable {
    let port: Int
    private let group: MultiThreadedEventLoopGroup
    private let channel: any Channel

    private static let certificateAndKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgA/pWZJ7E6K2b441N
        dyTk25u8j6AJehqSZBYNWzYJBmehRANCAATRDYrd2Sh9cDbQMhj0Ua1H1xd9Nh+x
        +QjZFwgzMsRdsnlmJTUDIhGgr8xfejo+A7P3g5kXPXwSX5nKVgIcVY9h
        -----END PRIVATE KEY-----
        -----BEGIN CERTIFICATE-----
        MIIBZTCCAQygAwIBAgIBATAKBggqhkjOPQQDAjAcMRowGAYDVQQDDBFlbHNld2hl
        cmUuaW52YWxpZDAeFw0wMDAxMDEwMDAwMDBaFw0wMDAxMDIwMDAwMDBaMBwxGjAY
        BgNVBAMMEWVsc2V3aGVyZS5pbnZhbGlkMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcD
        QgAE0Q2K3dkofXA20DIY9FGtR9cXfTYfsfkI2RcIMzLEXbJ5ZiU1AyIRoK/MX3o6
        PgOz94OZFz18El+ZylYCHFWPYaM/MD0wHAYDVR0RBBUwE4IRZWxzZXdoZXJlLmlu
        dmFsaWQwHQYDVR0OBBYEFMhw2lUmqXDbZPDGEVKkRUPVl8x6MAoGCCqGSM49BAMC
        A0cAMEQCIAttXrMfQloyr9x46zwp39J+DW2zaweyqtaaAVo1v4t9AiB9X4svs7cK
        VUgsMQSwn2NE8/VhYJm5Cr2pIMpDy6XuBA==
        -----END CERTIFICATE-----
        """

    /// Gives a server to `body` that answers each connection with these bytes and closes it.
    static func with(_ answer: String, _ body: (TLSServer) async throws -> Void) async throws {
        let server = try await TLSServer(answer)
        do {
            try await body(server)
        } catch {
            try await server.stop()
            throw error
        }
        try await server.stop()
    }

    private init(_ answer: String) async throws {
        let pem = Array(Self.certificateAndKey.utf8)
        let chain = try NIOSSLCertificate.fromPEMBytes(pem).map(NIOSSLCertificateSource.certificate)
        let key = NIOSSLPrivateKeySource.privateKey(try NIOSSLPrivateKey(bytes: pem, format: .pem))
        let context = try NIOSSLContext(
            configuration: .makeServerConfiguration(certificateChain: chain, privateKey: key)
        )
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        channel = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(
                        NIOSSLServerHandler(context: context),
                        Answering(answer)
                    )
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
    }

    private func stop() async throws {
        try await channel.close()
        try await group.shutdownGracefully()
    }
}

/// Answers the first bytes that come, whatever they are.
private final class Answering: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let answer: String

    init(_ answer: String) { self.answer = answer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = context.channel.allocator.buffer(string: answer)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
        context.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
