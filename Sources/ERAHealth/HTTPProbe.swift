import AsyncHTTPClient
import ERAContracts
import ERACore
import NIOCore
import NIOHTTP1

/// One GET, with the redirects that Kubernetes follows.
struct HTTPProbe: Sendable {
    let client: HTTPClient
    let headers: [ProbeSpec.HTTPHeader]
    /// When the client itself gives up: after the caller, who has the better words for it.
    let deadline: NIODeadline

    /// The most redirects that are followed (Go's `net/http`, which the kubelet uses).
    static let redirectLimit = 10
    /// How much of a body is waited for; what follows is not read (Kubernetes
    /// `pkg/probe/http`, `maxRespBodyLength`).
    static let bodyLimit = 10 * 1024

    /// - Throws: What the connection or the parser met.
    func run(_ first: ProbeURL) async throws -> ProbeOutcome {
        var url = first
        for _ in 0...Self.redirectLimit {
            let response = try await client.execute(request(url), deadline: deadline)
            let status = Int(response.status.code)
            if [301, 302, 303, 307, 308].contains(status),
                let location = response.headers.first(name: "Location"),
                let next = url.following(location),
                next.host.lowercased() == first.host.lowercased()
            {
                url = next
                continue
            }
            // An answer counts when it is there, not when it has begun.
            try await readBody(response)
            // A redirect to elsewhere ends up here: an answer of this workload, hence a success.
            if (200..<400).contains(status) { return .success }
            return .failed("GET \(url) answered \(status); expected 200 to 399")
        }
        return .failed("GET \(first) was redirected more than \(Self.redirectLimit) times")
    }

    private func request(_ url: ProbeURL) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: url.description)
        for header in headers { request.headers.add(name: header.name, value: header.value) }
        if !request.headers.contains(name: "User-Agent") {
            request.headers.add(name: "User-Agent", value: "era-probe/1")
        }
        if !request.headers.contains(name: "Accept") { request.headers.add(name: "Accept", value: "*/*") }
        request.headers.replaceOrAdd(name: "Connection", value: "close")
        return request
    }

    private func readBody(_ response: HTTPClientResponse) async throws {
        var size = 0
        for try await part in response.body {
            size += part.readableBytes
            if size >= Self.bodyLimit { return }
        }
    }
}
