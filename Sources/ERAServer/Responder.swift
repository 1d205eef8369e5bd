import ERAAPI
import ERAContracts
import ERACore
import Glibc
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore

/// Turns a request into an answer; holds nothing that changes but the list of open streams and a cache.
struct Responder: Sendable {
    let controlPlane: any ControlPlane
    let options: Options
    let now: @Sendable () -> Timestamp
    let logger: Logger
    let streams: OpenStreams
    let specs = SpecCache()

    init(
        controlPlane: any ControlPlane,
        options: Options,
        now: @escaping @Sendable () -> Timestamp,
        logger: Logger
    ) {
        self.controlPlane = controlPlane
        self.options = options
        self.now = now
        self.logger = logger
        streams = OpenStreams(limit: options.limits.watcherLimit)
    }

    /// One request as the handlers see it.
    struct Call: Sendable {
        var request: Request
        var address: Address
        var channel: any Channel

        var method: HTTPRequest.Method { request.method }
        func header(_ name: HTTPField.Name) -> String? { request.headers[name] }
    }

    /// Answers whatever comes: what goes wrong is an answer as well.
    func respond(to request: Request, on channel: any Channel) async -> Response {
        do {
            let peer = try await Peer.of(channel)
            guard peer.isAllowed(ownUser: geteuid(), allowedGroup: options.allowedGroup) else {
                logger.notice(
                    "a user that may not use the API asked for it",
                    metadata: ["uid": "\(peer.user)"]
                )
                throw APIStatus.forbidden(
                    "user \(peer.user) may not use this API; ask as root or as the daemon's user"
                )
            }
            let address = try Address(request.head.path ?? "")
            let route = try Route(address.segments)
            guard route.methods.contains(request.method) else {
                return Self.answer(
                    .methodNotAllowed(request.method.rawValue),
                    [.allow: route.methods.map(\.rawValue).joined(separator: ", ")]
                )
            }
            return try await respond(
                to: Call(request: request, address: address, channel: channel),
                at: route
            )
        } catch let status as APIStatus {
            if status.code == 413 { closeSoon(channel) }
            return Self.answer(status)
        } catch let fault as ControlFault {
            return Self.answer(APIStatus(fault))
        } catch let fault as StoreFault {
            return Self.answer(.unavailable("nothing can be changed now: \(fault)"))
        } catch let failure as Failure {
            return Self.answer(
                failure.persistence == .transient
                    ? .unavailable(failure.message) : .internalError(failure.message)
            )
        } catch {
            logger.error("a request failed", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
            return Self.answer(.internalError("\(error)"))
        }
    }

    private func respond(to call: Call, at route: Route) async throws -> Response {
        switch route {
        case .live: return Self.text("ok")
        case .ready: return await ready()
        case .version: return Self.json(VersionObject(era: options.version, kubernetes: "v1.33.0").apiObject)
        case .metrics: return await metrics()
        case .discovery(let document): return discovery(document, call)
        case .deployments(let namespace):
            if call.method == .post, let namespace { return try await create(in: namespace, call) }
            return try await listOrWatch(namespace, call)
        case .deployment(let key):
            switch call.method {
            case .put: return try await replace(key, call)
            case .patch: return try await patch(key, call)
            case .delete: return try await delete(key, call)
            default: return try await get(key, call)
            }
        case .status(let key): return try await get(key, call)
        case .log(let key): return try await log(key, call)
        case .verb(let key, let verb): return try await request(verb, for: key, call)
        case .events(let namespace): return try await events(namespace, call)
        case .sources:
            return Self.json(.list("SourceList", await controlPlane.sources().map(\.apiObject)))
        case .prune: return try await prune()
        case .resync:
            await controlPlane.resync()
            return Self.answer(APIStatus(code: 200, reason: "", message: ""))
        case .plugins:
            return Self.json(.list("PluginList", await controlPlane.plugins().map(\.apiObject)))
        case .plugin(let name): return try await plugin(name)
        case .artifacts: return try await call.method == .post ? pull(call) : artifactUses()
        case .collection: return try await collect(call)
        case .health: return Self.json(await controlPlane.health().apiObject)
        }
    }

    /// Gives the client a moment to read the answer, then takes no more of what it sends.
    private func closeSoon(_ channel: any Channel) {
        channel.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
    }
}
