import Foundation
import Hummingbird
import Synchronization

/// A real HTTP server that serves the files of a directory, with Range and ETag, and counts requests.
struct FileServer: Sendable {
    let url: String
    private let counter: Shared<Int>

    var requestCount: Int { counter.value }

    static func run(_ directory: String, _ body: @escaping @Sendable (FileServer) async throws -> Void)
        async throws
    {
        let counter = Shared(0)
        let router = Router()
        router.middlewares.add(Counting(counter: counter))
        router.middlewares.add(FileMiddleware(directory))
        let (ports, announce) = AsyncStream<Int>.makeStream()
        let application = Application(
            router: router,
            configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in announce.yield(channel.localAddress?.port ?? 0) }
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await application.run() }
            group.addTask {
                for await port in ports {
                    return try await body(FileServer(url: "http://127.0.0.1:\(port)", counter: counter))
                }
            }
            try await group.next()
            group.cancelAll()
        }
    }

    private struct Counting<Context: RequestContext>: RouterMiddleware {
        let counter: Shared<Int>

        func handle(
            _ request: Request,
            context: Context,
            next: (Request, Context) async throws -> Response
        ) async throws -> Response {
            counter.change { $0 += 1 }
            return try await next(request, context)
        }
    }
}
