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
    /// What is different where it comes from a registry; nil elsewhere.
    var registry: RegistryRules?
    let report: @Sendable (StepProgress) -> Void

    /// What holds for a blob of a registry: its manifest said the size, and who may be spoken to in plain
    /// http.
    struct RegistryRules: Sendable {
        let size: ByteCount
        let insecure: Set<String>
    }

    private var options: FetchOptions { fetcher.options }

    /// - Throws: ``Failure``, `CancellationError`, ``HTTPFetcher/CannotResume``, ``SystemError``.
    func run(into ingest: Ingest, _ signs: LifeSigns) async throws -> ReceivedBody {
        do {
            let isResumed = ingest.count > 0
            let (response, place) = try await fetcher.followed(
                from: location,
                credentials: credentials,
                insecure: registry?.insecure,
                range: isResumed ? ingest.validator.map { (ingest.count, $0) } : nil,
                signs
            )
            let expected = try accept(response, from: place, into: ingest)
            return try await receive(response, from: place, expected: expected, into: ingest, signs)
        } catch {
            throw HTTPTrouble.translated(error, location)
        }
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
            throw fetcher.refusal(
                response,
                place,
                from: registry == nil ? nil : location,
                isAuthorized: credentials != nil
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
        if let size = registry?.size, length != nil, total != size.bytes { throw otherSize(place, total) }
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
            if let size = registry?.size, ingest.count + Int64(chunk.readableBytes) > size.bytes {
                throw otherSize(place, nil)
            }
            body.look(at: chunk)
            try chunk.withUnsafeReadableBytes { try ingest.write($0) }
            report(StepProgress(done: ByteCount(ingest.count), total: total))
        }
        if let expected, ingest.count - start != expected {
            throw Failure.transient(
                .fetchFailed,
                "\(place.shown) ended after \(ingest.count - start) of \(expected) bytes"
            )
        }
        return body
    }

    private func otherSize(_ place: HTTPLocation, _ found: Int64?) -> Failure {
        let size = registry?.size.bytes ?? 0
        return .transient(
            .fetchFailed,
            "\(place.shown) has \(found.map(String.init) ?? "more") bytes, and the manifest says \(size)"
        )
    }

    private func tooLarge(_ place: HTTPLocation) -> Failure {
        .permanent(
            .artifactTooLarge,
            "\(place.shown) is larger than the limit of \(options.sizeLimit); raise it if that is meant"
        )
    }
}
