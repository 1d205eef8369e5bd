import AsyncHTTPClient
import ERACore
import ERAContracts
import NIOCore
import NIOHTTP1

/// One transfer of one address: redirects, the answer's head, the body into the ingest.
struct HTTPDownload: Sendable {
    let location: HTTPLocation
    let digest: Digest
    let credentials: Credentials?
    let fetcher: HTTPFetcher
    let report: @Sendable (StepProgress) -> Void

    private var options: FetchOptions { fetcher.options }

    /// - Throws: ``Failure``, `CancellationError`, ``HTTPFetcher/CannotResume``, ``SystemError``.
    func run(into ingest: Ingest, _ signs: LifeSigns) async throws -> ReceivedBody {
        do {
            let (response, place) = try await follow(ingest, signs)
            let expected = try accept(response, from: place, into: ingest)
            return try await receive(response, from: place, expected: expected, into: ingest, signs)
        } catch {
            throw HTTPTrouble.translated(error, location)
        }
    }

    /// Requests, and goes where the redirects lead.
    ///
    /// At most `redirectLimit` of them, none from https to http, none to an address of this machine or of
    /// the link (clouds keep credentials there) unless it comes from one of the same kind. What a *name*
    /// resolves to is not checked. Credentials go to the first origin only, and are not taken up again.
    private func follow(
        _ ingest: Ingest,
        _ signs: LifeSigns
    ) async throws -> (HTTPClientResponse, HTTPLocation) {
        let client = try fetcher.client.client()
        var place = location
        var credentials = credentials
        for _ in 0...max(0, options.redirectLimit) {
            let response = try await client.execute(
                request(place, credentials, ingest),
                deadline: .distantFuture
            )
            signs.note()
            guard [301, 302, 303, 307, 308].contains(response.status.code) else { return (response, place) }
            let next = try redirect(response, from: place)
            if next.origin != place.origin { credentials = nil }
            place = next
        }
        throw Failure.permanent(
            .fetchRefused,
            "\(location.shown) redirects more than \(options.redirectLimit) times; give the final address"
        )
    }

    private func request(
        _ place: HTTPLocation,
        _ credentials: Credentials?,
        _ ingest: Ingest
    ) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: place.url)
        request.headers.add(name: "User-Agent", value: "era")
        request.headers.add(name: "Accept", value: "*/*")
        request.headers.add(name: "Accept-Encoding", value: "identity")
        if ingest.count > 0, let validator = ingest.validator {
            request.headers.add(name: "Range", value: "bytes=\(ingest.count)-")
            request.headers.add(name: "If-Range", value: validator)
        }
        switch credentials {
        case .basic(let username, let password): request.setBasicAuth(username: username, password: password)
        case .bearer(let token): request.headers.add(name: "Authorization", value: "Bearer \(token)")
        case nil: break
        }
        return request
    }

    private func redirect(_ response: HTTPClientResponse, from place: HTTPLocation) throws -> HTTPLocation {
        let refused = { (why: String) in
            Failure.permanent(.fetchRefused, "\(place.shown) redirects \(why); give an address that does not")
        }
        guard let text = response.headers.first(name: "Location") else {
            throw refused("without saying where to")
        }
        let next: HTTPLocation
        do { next = try place.resolving(text) } catch {
            throw refused("to something that is no http address")
        }
        if place.origin.scheme == .https, next.origin.scheme == .http {
            throw refused("from https to plain http (\(next.shown))")
        }
        guard next.origin.scheme == .https || options.allowsHTTP else { throw refused("to plain http") }
        let kind = HostAddress(host: next.origin.host)
        if kind != .other, kind != HostAddress(host: place.origin.host) {
            throw refused("to an address of this machine or its link (\(next.shown))")
        }
        return next
    }

    /// Judges the head of the answer and prepares the ingest for the body.
    ///
    /// - Returns: The bytes of the body; nil where the server did not say.
    private func accept(
        _ response: HTTPClientResponse,
        from place: HTTPLocation,
        into ingest: Ingest
    ) throws -> Int64? {
        let headers = response.headers
        let length = headers.first(name: "Content-Length").flatMap { HTTPHeaderText.number($0) }
        let etag = HTTPHeaderText.strongValidator(headers.first(name: "ETag"))
        switch response.status.code {
        case 200: try ingest.restart(validator: etag)
        case 206:
            let range = HTTPHeaderText.contentRange(headers.first(name: "Content-Range"))
            guard let range, ingest.count > 0, range.first == ingest.count,
                range.total.map({ range.last == $0 - 1 }) ?? true,
                length.map({ range.last - range.first + 1 == $0 }) ?? true,
                headers["ETag"].isEmpty || etag == ingest.validator
            else { throw HTTPFetcher.CannotResume() }
        case 416 where ingest.count > 0: throw HTTPFetcher.CannotResume()
        default:
            throw HTTPTrouble.refusal(
                response,
                place,
                hasCredentials: credentials != nil,
                options,
                fetcher.store.now()
            )
        }
        let encodings = headers[canonicalForm: "Content-Encoding"]
        guard encodings.allSatisfy({ $0.lowercased() == "identity" }) else {
            throw Failure.permanent(
                .fetchRefused,
                "\(place.shown) is sent as \(encodings.joined(separator: ", ")) although that was not asked for; "
                    + "make the server send the file as it is"
            )
        }
        let total = (length ?? 0).addingReportingOverflow(ingest.count).partialValue
        guard total <= options.sizeLimit.bytes else { throw tooLarge(place) }
        guard fetcher.store.hasSpace(for: length ?? 0, reserve: options.freeSpaceReserve) else {
            throw Failure.transient(
                .noSpace,
                "no room for the \(length ?? 0) bytes of \(place.shown) in the artifact store; free some space"
            )
        }
        return length
    }

    private func receive(
        _ response: HTTPClientResponse,
        from place: HTTPLocation,
        expected: Int64?,
        into ingest: Ingest,
        _ signs: LifeSigns
    ) async throws -> ReceivedBody {
        let total = expected.map { ByteCount($0 + ingest.count) }
        let isChunked = response.headers[canonicalForm: "Transfer-Encoding"].contains {
            $0.lowercased() == "chunked"
        }
        var body = ReceivedBody(
            type: response.headers.first(name: "Content-Type"),
            isWhole: expected != nil || isChunked
        )
        let start = ingest.count
        report(StepProgress(done: ByteCount(start), total: total))
        for try await chunk in response.body {
            signs.note()
            guard ingest.count + Int64(chunk.readableBytes) <= options.sizeLimit.bytes else {
                throw tooLarge(place)
            }
            body.look(at: chunk)
            try chunk.withUnsafeReadableBytes { try ingest.write($0) }
            report(StepProgress(done: ByteCount(ingest.count), total: total))
        }
        if let expected, ingest.count - start != expected {
            throw Failure.transient(
                .fetchFailed,
                "\(place.shown) ended after \(ingest.count - start) of \(expected) bytes; trying again"
            )
        }
        return body
    }

    private func tooLarge(_ place: HTTPLocation) -> Failure {
        .permanent(
            .artifactTooLarge,
            "\(place.shown) is larger than the limit of \(options.sizeLimit); raise it if that is meant"
        )
    }
}
