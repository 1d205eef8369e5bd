import Crypto
import ERACore
import ERAContracts
import Synchronization

@testable import ERAArtifact

/// Bytes that no compression shortens, the same at each run.
func payload(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed
    return (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: state >> 33)
    }
}

func sha256(_ bytes: [UInt8]) throws -> ERACore.Digest {
    try ERACore.Digest("sha256:" + SHA256.hash(data: bytes).map { hex($0) }.joined())
}

func sha512(_ bytes: [UInt8]) throws -> ERACore.Digest {
    try ERACore.Digest("sha512:" + SHA512.hash(data: bytes).map { hex($0) }.joined())
}

private func hex(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }

/// A time that stands still until a test moves it; one for both clocks.
final class TestTime: Sendable {
    private let time = Mutex((wall: Duration.seconds(1_800_000_000), uptime: Duration.seconds(1000)))

    func advance(by step: Duration) {
        time.withLock { $0 = ($0.wall + step, $0.uptime + step) }
    }

    /// As when somebody sets the clock.
    func setWallClock(by step: Duration) { time.withLock { $0.wall += step } }

    var now: Timestamp {
        time.withLock {
            Timestamp(uptime: Uptime(sinceBoot: $0.uptime), wall: WallTime(sinceEpoch: $0.wall))
        }
    }
}

/// What a test fetches with: a store in a directory of its own, quick limits, http allowed.
struct Fixture: Sendable {
    let directory: String
    let time = TestTime()
    let store: ContentStore

    init(_ directory: String) {
        self.directory = directory
        store = ContentStore(directory: directory + "/artifacts", now: { [time] in time.now })
    }

    static func run(_ body: (Fixture) async throws -> Void) async throws {
        try await withTemporaryDirectory { try await body(Fixture($0)) }
    }

    var options: FetchOptions {
        var options = FetchOptions()
        options.allowsHTTP = true
        return options
    }

    /// Runs `body` with a fetcher, and ends it.
    func fetching<Value>(
        _ options: FetchOptions? = nil,
        credentials: @escaping CredentialsProvider = { _, _ in nil },
        trust: TrustSource = .none,
        _ body: (StoreFetcher) async throws -> Value
    ) async throws -> Value {
        let fetcher = StoreFetcher(
            store: store,
            options: options ?? self.options,
            credentials: credentials,
            trust: trust
        )
        do {
            let value = try await body(fetcher)
            await fetcher.shutdown()
            return value
        } catch {
            await fetcher.shutdown()
            throw error
        }
    }

    /// The files in `ingest/`.
    var leftovers: [String] { tree(directory + "/artifacts/ingest") }
}

extension StoreFetcher {
    func fetch(_ artifact: ArtifactSpec) async throws -> StoredArtifact {
        try await fetch(artifact) { _ in }
    }

    func fetch(
        _ artifact: ArtifactSpec,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws -> StoredArtifact {
        try await fetch(artifact, in: .default, known: nil, progress: progress)
    }

    /// Fetches and returns the failure that this must end in.
    func failure(_ artifact: ArtifactSpec) async throws -> Failure? {
        do {
            _ = try await fetch(artifact)
            return nil
        } catch let failure as Failure {
            return failure
        }
    }
}

extension ArtifactSpec {
    init(_ url: String, _ digest: ERACore.Digest?, pullSecret: PartName? = nil) throws {
        self.init(source: try ArtifactLocation(url), digest: digest, pullSecret: pullSecret)
    }
}

/// Waits until the condition holds, for up to half a minute.
func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
    for _ in 0..<3000 {
        if try await condition() { return true }
        try await Task.sleep(for: .milliseconds(10))
    }
    return false
}

/// A value that a test's closures share.
final class Shared<Value: Sendable>: Sendable {
    private let state: Mutex<Value>
    init(_ value: Value) { state = Mutex(value) }
    var value: Value { state.withLock { $0 } }
    func change(_ body: @Sendable (inout Value) -> Void) { state.withLock { body(&$0) } }
}
