import ERAContracts
import ERACore

/// A store that dies with its process, and whose disk may be full; what it takes is written down.
struct MortalStore: RecordStore {
    let store: MemoryStore
    let faults: Faults
    let incarnation: Int
    let sabotage: Sabotage?

    func load() async throws -> StoredState { try await store.load() }

    /// The engine may end before or after any entry.
    func append(_ entry: JournalEntry, _ durability: Durability) async throws -> ResourceVersion {
        let record = entry.record
        try faults.pass(incarnation, "before \(record.key) \(entry.event.kind.name)")
        let version = try await store.append(entry, durability)
        faults.chronicle.log("journal \(record.key) \(entry.event.kind.name) -> \(record.phase)")
        note(entry)
        try faults.pass(incarnation, "after \(record.key) \(entry.event.kind.name)")
        return version
    }

    private func note(_ entry: JournalEntry) {
        let chronicle = faults.chronicle
        chronicle.count("phase \(entry.record.phase)")
        if entry.record.quarantine != nil { chronicle.count("quarantine") }
        switch entry.event.kind {
        case .stepFailed(_, let failure, _): chronicle.count("step failed: \(failure.code.rawValue)")
        case .requested(let request): chronicle.count("request \(request.word)")
        case .resumed(let rebooted): chronicle.count(rebooted ? "resumed after reboot" : "resumed")
        case .declared, .deletionRequested, .pruneHeld, .pruneReleased, .found, .admitted, .updateBegan,
            .displaced, .stepSucceeded,
            .instanceExited, .becameHealthy, .becameUnhealthy, .readinessChanged, .deadlineExceeded,
            .bakeCompleted:
            let name = entry.event.kind.name
            chronicle.count("event \(name.prefix { $0 != "(" })")
        }
    }

    func flush() async throws {
        try faults.pass(incarnation, "before flush")
        if sabotage != .flushDoesNothing { try await store.flush() }
        try faults.pass(incarnation, "after flush")
    }

    func recover() async throws {
        try faults.ensureAlive(incarnation)
        try await store.recover()
        faults.chronicle.count("store recovered")
    }

    func journal(_ key: DeploymentKey) async throws -> JournalExcerpt { try await store.journal(key) }

    func forget(_ key: DeploymentKey, uid: String) async throws -> ResourceVersion {
        try faults.pass(incarnation, "before forgetting \(key)")
        let version = try await store.forget(key, uid: uid)
        faults.chronicle.log("journal \(key) forgotten")
        faults.chronicle.count("tombstone collected")
        try faults.pass(incarnation, "after forgetting \(key)")
        return version
    }

    func note(_ event: EventNotice) async { await store.note(event) }
    func events(_ key: DeploymentKey?) async throws -> [StoredEvent] { try await store.events(key) }

    func setBootID(_ id: String) async throws {
        try faults.pass(incarnation, "before noting the boot")
        try await store.setBootID(id)
        try faults.pass(incarnation, "after noting the boot")
    }
}

extension OperatorRequest {
    fileprivate var word: String {
        switch self {
        case .retry: "retry"
        case .rollback: "rollback"
        case .accept: "accept"
        case .restart: "restart"
        case .hold: "hold"
        case .release: "release"
        }
    }
}
