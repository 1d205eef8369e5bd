import ERAAPI
import ERAContracts
import ERACore
import HTTPTypes
import HummingbirdCore
import NIOCore

extension Responder {
    func artifactUses() async -> Response {
        Self.json(.list("ArtifactUseList", await controlPlane.artifactUses().map(\.apiObject)))
    }

    func collect(_ call: Call) async throws -> Response {
        let freed = try await controlPlane.collectArtifacts(all: try call.address.flag("all"))
        return Self.json([
            "kind": "Collection", "apiVersion": .string(APIGroup.apiVersion), "freed": .integer(freed.bytes),
        ])
    }

    /// Brings an artifact into the store, and says how far it has come. Who hangs up stops it.
    func pull(_ call: Call) async throws -> Response {
        let (object, _) = try await body(of: call, types: ["application/json"])
        let request: ArtifactRequest
        do { request = try ArtifactRequest(apiObject: object) } catch {
            throw APIStatus.badRequest("the artifact cannot be pulled: \(error)")
        }
        let stream = try stream(call)
        let controlPlane = controlPlane
        return Response(
            status: .ok,
            headers: [.contentType: "application/json"],
            body: ResponseBody { writer in
                // A slow reader is told how far it is now, not how far it was.
                let (news, reports) = AsyncStream<ArtifactNews>.makeStream(
                    bufferingPolicy: .bufferingNewest(1)
                )
                let body = stream.body(head: [], news) { signal in
                    if case .element(let line) = signal { ByteBuffer(line: line.json) } else { nil }
                }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        let end = await Self.outcome(of: request, controlPlane) {
                            reports.yield(.progress($0))
                        }
                        reports.yield(end)
                        reports.finish()
                    }
                    defer { group.cancelAll() }
                    try await body.write(writer)
                }
            }
        )
    }

    private static func outcome(
        of request: ArtifactRequest,
        _ controlPlane: any ControlPlane,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async -> ArtifactNews {
        do {
            let stored = try await controlPlane.pullArtifact(
                request.artifact,
                in: request.namespace,
                progress: progress
            )
            return .stored(
                digest: stored.digest,
                size: stored.size,
                path: stored.path,
                name: stored.name,
                resolved: stored.resolved
            )
        } catch let failure as Failure {
            return .failed(
                failure.persistence == .transient
                    ? .unavailable(failure.message) : .badRequest(failure.message)
            )
        } catch is CancellationError {
            return .failed(.unavailable("the daemon ends; ask the next one"))
        } catch {
            return .failed(.internalError("\(error)"))
        }
    }
}
