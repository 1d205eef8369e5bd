import AsyncHTTPClient
import ERACore
import NIOCore
import NIOHTTP1

extension HTTPFetcher {
    /// Requests, and goes where the redirects lead.
    ///
    /// At most `redirectLimit` of them, none from https to http, none to an address of this machine or of
    /// the link (clouds keep credentials there) unless it comes from one of the same kind. What a *name*
    /// resolves to is not checked. Credentials go to the first origin only, and are not taken up again.
    /// - Parameters:
    ///   - insecure: The registries that may be spoken to in plain http; nil where that is decided for all.
    ///   - range: Where a resume begins, and the validator of what is there.
    ///   - form: What is posted, credentials among it: that follows no redirect at all. Nil to get.
    func followed(
        from location: HTTPLocation,
        credentials: Credentials?,
        insecure: Set<String>? = nil,
        range: (first: Int64, validator: String)? = nil,
        accept: String = "*/*",
        form: String? = nil,
        _ signs: LifeSigns
    ) async throws -> (HTTPClientResponse, HTTPLocation) {
        let client = try client.client()
        var place = location
        var credentials = credentials
        for _ in 0...max(0, options.redirectLimit) {
            let response = try await client.execute(
                request(place, credentials, range, accept, form),
                deadline: .distantFuture
            )
            signs.note()
            guard [301, 302, 303, 307, 308].contains(response.status.code) else { return (response, place) }
            guard form == nil else {
                throw Failure.permanent(
                    .fetchRefused,
                    "\(place.shown) redirects a login, which goes nowhere else; ask whoever runs it"
                )
            }
            let next = try redirect(response, from: place, insecure)
            if next.origin != place.origin { credentials = nil }
            place = next
        }
        throw Failure.permanent(
            .fetchRefused,
            "\(location.shown) redirects more than \(options.redirectLimit) times; give the final address"
        )
    }

    /// What a status that brings nothing means.
    ///
    /// - Parameter registry: Where the first request went, if that is one: its 401 asks for a login.
    func refusal(
        _ response: HTTPClientResponse,
        _ place: HTTPLocation,
        from registry: HTTPLocation?,
        isAuthorized: Bool
    ) -> any Error {
        let isRegistry = registry?.origin == place.origin
        switch response.status.code {
        case 401 where isRegistry:
            return Challenged(status: 401, headers: response.headers["WWW-Authenticate"])
        case 403 where isRegistry: return Challenged(status: 403)
        case 404 where isRegistry:
            return Failure.permanent(
                .fetchFailed,
                "\(place.shown) answered 404 (there is no such image or artifact, or none for this login); "
                    + "push it, correct the source, or name a login in pullSecret"
            )
        default:
            return HTTPTrouble.refusal(response, place, hasCredentials: isAuthorized, options, store.now())
        }
    }

    private func request(
        _ place: HTTPLocation,
        _ credentials: Credentials?,
        _ range: (first: Int64, validator: String)?,
        _ accept: String,
        _ form: String?
    ) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: place.url)
        request.headers.add(name: "User-Agent", value: "era")
        request.headers.add(name: "Accept", value: accept)
        request.headers.add(name: "Accept-Encoding", value: "identity")
        if let form {
            request.method = .POST
            request.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
            request.body = .bytes(ByteBuffer(string: form))
        }
        if let range {
            request.headers.add(name: "Range", value: "bytes=\(range.first)-")
            request.headers.add(name: "If-Range", value: range.validator)
        }
        switch credentials {
        case .basic(let username, let password): request.setBasicAuth(username: username, password: password)
        case .bearer(let token): request.headers.add(name: "Authorization", value: "Bearer \(token)")
        case .identity, .registries, nil: break
        }
        return request
    }

    private func redirect(
        _ response: HTTPClientResponse,
        from place: HTTPLocation,
        _ insecure: Set<String>?
    ) throws -> HTTPLocation {
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
        let allowsHTTP =
            insecure.map { next.origin == place.origin || next.origin.isAmong($0) } ?? options.allowsHTTP
        guard next.origin.scheme == .https || allowsHTTP else { throw refused("to plain http") }
        let kind = HostAddress(host: next.origin.host)
        if kind != .other, kind != HostAddress(host: place.origin.host) {
            throw refused("to an address of this machine or its link (\(next.shown))")
        }
        return next
    }
}
