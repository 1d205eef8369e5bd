import ERAAPI
import ERAClient
import ERAContracts
import ERAEngine

/// What one reconciliation asks of an engine, here or in a daemon.
protocol Reconciling: Sendable {
    /// Has all sources read and all deployments looked at.
    func resync() async throws
    /// Lets the deletions happen that the prune guard holds back.
    func allowPrune() async throws
    /// Where the manifests stand.
    func sourceStatuses() async throws -> [SourceStatus]
    /// What it has come to so far.
    func summary() async throws -> Summary
}

extension Reconciling {
    /// Has everything that is in the sources now taken in.
    ///
    /// What was saved or removed a moment ago counts once it was left alone for the settle time of its
    /// source, which then is read again by itself; so it is awaited here.
    func takeIn(confirmPrune: Bool) async throws {
        try await resync()
        while try await sourceStatuses().contains(where: { $0.files.contains(where: \.isSettling) }) {
            try await Task.sleep(for: .milliseconds(20))
        }
        if confirmPrune { try await allowPrune() }
    }
}

/// The engine of this process.
struct OwnEngine: Reconciling {
    let engine: Engine

    func resync() async { await engine.resync() }
    func allowPrune() async throws { _ = try await engine.confirmPrune() }
    func sourceStatuses() async -> [SourceStatus] { await engine.sources() }

    func summary() async -> Summary {
        let now = SystemClock().now()
        return Summary(await engine.list().views.map { $0.object(at: now) }, await engine.sources())
    }
}

/// The engine of a daemon.
struct DaemonEngine: Reconciling {
    let client: ERAClient

    func resync() async throws { try await client.resync() }
    func allowPrune() async throws { _ = try await client.confirmPrune() }
    func sourceStatuses() async throws -> [SourceStatus] { try await client.sources() }

    func summary() async throws -> Summary {
        Summary(try await client.list(namespace: nil).items, try await client.sources())
    }
}
