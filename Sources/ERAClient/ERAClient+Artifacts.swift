public import ERAAPI
public import ERAContracts
public import ERACore

extension ERAClient {
    /// What deployments keep in the content store, by deployment.
    public func artifactUses() async throws -> [ArtifactUse] {
        let answer = try await send("GET", APIGroup.root + "/artifacts")
        return try await read(answer) {
            try $0.items("ArtifactUseList").map { try ArtifactUse(apiObject: $0) }
        }
    }

    /// Has the daemon bring an artifact into its content store; one request for each iteration, and whoever
    /// stops reading stops it.
    public func pull(_ request: ArtifactRequest) -> ArtifactNewsLines {
        ArtifactNewsLines(transport: transport, request: request)
    }

    /// Has the daemon collect what nothing keeps.
    ///
    /// - Parameter all: Also what was used a short while ago.
    /// - Returns: The bytes that were freed.
    public func collectArtifacts(all: Bool) async throws -> ByteCount {
        let path = APIGroup.root + "/artifacts/gc" + Self.query([("all", all ? "true" : nil)])
        return try await read(try await send("POST", path, body: [:])) {
            ByteCount($0["freed"]?.integer ?? 0)
        }
    }
}

/// How a download comes on, and at last what came of it: one that failed is thrown.
public struct ArtifactNewsLines: AsyncSequence, Sendable {
    let transport: Transport
    let request: ArtifactRequest

    public func makeAsyncIterator() -> Iterator {
        Iterator(
            lines: JSONLines(transport, APIGroup.root + "/artifacts", sending: request.apiObject)
        )
    }

    public struct Iterator: AsyncIteratorProtocol {
        var lines: JSONLines

        /// - Throws: ``ClientError``; `CancellationError`.
        public mutating func next() async throws -> ArtifactNews? {
            guard let line = try await lines.next() else { return nil }
            do {
                let news = try ArtifactNews(json: line)
                if case .failed(let status) = news { throw ClientError.status(status) }
                return news
            } catch let error as InvalidObject {
                throw ClientError.protocolViolation("\(error)")
            }
        }
    }
}
