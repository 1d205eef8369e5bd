import ERACore
import ERAContracts
import ERAOCI
import Testing

@testable import ERAArtifact

/// What refers to an image may be a list of many pages.
@Suite struct ReferrerPagesTests {
    private let signer = Signer("images")

    @Test(
        arguments: [
            ([#"</v2/x?n=1>; rel="next""#], "/v2/x?n=1"), (["<?a=b;c,d>;rel=next"], "?a=b;c,d"),
            ([#"<one>; rel="prev", <two>; title="x"; rel="next""#], "two"),
            (["<one>; rel=first", "<two>; Rel=Next"], "two"),
            (["<one>; rel=\"prev\""], nil), (["<one"], nil), (["one; rel=next"], nil), ([""], nil), ([], nil),
            (["<" + String(repeating: "x", count: 9000) + ">; rel=next"], nil),
        ] as [([String], String?)]
    )
    func `a header says where a list goes on`(_ values: [String], _ next: String?) {
        #expect(HTTPHeaderText.nextLink(values) == next)
    }

    /// Fetches a signed image from a registry whose list has its only signature on this page, from 0.
    ///
    /// - Parameter link: What follows each page, from its number and the next one's.
    private func failure(
        page: Int,
        _ link: @escaping @Sendable (_ digest: ERACore.Digest, _ next: Int) -> String
    ) async throws -> (failure: Failure?, pages: Int) {
        var content = RegistryContent()
        let digest = try content.image([payload(1000)], tag: "1")
        try content.refer(to: digest, signer, in: "signed")
        try content.manifest(#"{"schemaVersion":2,"manifests":[]}"#, .imageIndex, tag: "none")
        let registry = content
        return try await withTemporaryDirectory { directory in
            let fixture = Fixture(directory)
            return try await RawServer.run { _, request, connection in
                guard path(request).contains("/referrers/") else {
                    return registry.answer(request, connection)
                }
                let number = path(request).split(separator: "=").dropFirst().first.flatMap { Int($0) } ?? 0
                guard let (type, bytes) = registry.manifests[number == page ? "signed" : "none"] else {
                    return
                }
                let head = ["Content-Type: \(type)", "Link: <\(link(digest, number + 1))>; rel=\"next\""]
                connection.answer("200 OK", head, bytes)
            } _: { server in
                let failure = try await fixture.failure(
                    ArtifactSpec("oci://\(server.host)/team/app:1", nil),
                    TrustPolicy(keys: [signer.trusted]),
                    fixture.options(insecure: server)
                )
                return (failure, server.requests.count { path($0).contains("/referrers/") })
            }
        }
    }

    @Test(arguments: [0, 1, 15])
    func `a signature on a later page is found`(_ page: Int) async throws {
        let (failure, _) = try await failure(page: page) { "/v2/team/app/referrers/\($0)?page=\($1)" }
        #expect(failure == nil)
    }

    @Test func `a page may be named relative to the last`() async throws {
        #expect(try await failure(page: 2) { "?page=\($1)" }.failure == nil)
    }

    @Test func `at most 16 pages are read`() async throws {
        let (failure, pages) = try await failure(page: 16) { "/v2/team/app/referrers/\($0)?page=\($1)" }
        #expect(failure?.code == .signatureMissing)
        #expect(pages == 16)
    }

    @Test(arguments: ["http://127.0.0.2:1/v2/", "https://127.0.0.1/", "ftp://x/", "//other.example/v2/"])
    func `a page of somebody else is refused`(_ next: String) async throws {
        let (failure, pages) = try await failure(page: 1) { _, _ in next }
        #expect(failure?.code == .fetchRefused && failure?.persistence == .permanent)
        #expect(pages == 1)
    }
}
