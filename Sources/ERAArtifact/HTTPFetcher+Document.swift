import AsyncHTTPClient
import ERACore
import NIOCore
import NIOHTTP1

extension HTTPFetcher {
    /// A small answer, whole in memory.
    struct Document: Sendable {
        let bytes: [UInt8]
        let contentType: String?
        /// The registry's header that says it.
        let digest: Digest?
        /// Where a list goes on, as it was said.
        let next: String?
    }

    /// - Parameter registries: Where it is a registry that answers (its 401 asks for a login), those that may
    ///   be spoken to in plain http; nil elsewhere.
    /// - Parameter form: What is posted; nil to get.
    /// - Throws: ``Failure``, `CancellationError`, ``Challenged``.
    func document(
        _ location: HTTPLocation,
        _ authorization: Credentials?,
        registries: Set<String>? = nil,
        accept: String = "*/*",
        form: String? = nil,
        limit: Int
    ) async throws -> Document {
        try await withDeadlines(
            stall: options.stallLimit,
            total: options.totalTimeLimit,
            clock: clock,
            subject: location.shown
        ) { signs in
            do {
                let (response, place) = try await followed(
                    from: location,
                    credentials: authorization,
                    insecure: registries,
                    accept: accept,
                    form: form,
                    signs
                )
                guard response.status.code == 200 else {
                    // How OAuth 2.0 says that a token has expired (RFC 6749 section 5.2).
                    if form != nil, response.status.code == 400 { throw Challenged(status: 400) }
                    throw refusal(
                        response,
                        place,
                        from: registries == nil ? nil : location,
                        isAuthorized: authorization != nil
                    )
                }
                var bytes: [UInt8] = []
                for try await chunk in response.body {
                    signs.note()
                    guard bytes.count + chunk.readableBytes <= limit else {
                        throw Failure.permanent(
                            .artifactTooLarge,
                            "the answer of \(place.shown) is larger than \(limit) bytes; it is refused"
                        )
                    }
                    bytes.append(contentsOf: chunk.readableBytesView)
                }
                let digest = response.headers.first(name: "Docker-Content-Digest")
                return Document(
                    bytes: bytes,
                    contentType: response.headers.first(name: "Content-Type"),
                    // A header that cannot be read says nothing.
                    digest: digest.flatMap { try? Digest($0) },
                    next: HTTPHeaderText.nextLink(response.headers["Link"])
                )
            } catch {
                throw HTTPTrouble.translated(error, location)
            }
        }
    }
}
