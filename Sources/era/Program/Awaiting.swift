import ERAAPI
import ERAClient
import ERACore

/// What `era wait` waits for.
enum Goal: Equatable, Sendable {
    case ready
    case deleted
    case phase(Phase)

    /// `ready`, `deleted`, `phase=Running`.
    /// - Throws: `InvalidValue`.
    init(_ text: String) throws(InvalidValue) {
        let phases = Phase.allCases.map(\.rawValue)
        switch text.lowercased() {
        case "ready": self = .ready
        case "deleted", "delete": self = .deleted
        case let text where text.hasPrefix("phase="):
            let word = text.dropFirst("phase=".count)
            guard let phase = Phase.allCases.first(where: { $0.rawValue.lowercased() == word }) else {
                throw InvalidValue(String(word), expected: "a phase: \(phases.joined(separator: ", "))")
            }
            self = .phase(phase)
        default: throw InvalidValue(text, expected: "ready, deleted, or phase=PHASE")
        }
    }

    /// Where a deployment stands on its way to the goal.
    enum Progress: Equatable, Sendable {
        case reached
        case underWay
        /// It will not get there unless somebody changes something: why.
        case stuck(String)
    }

    /// - Parameter object: Nil where there is no such deployment.
    func progress(_ object: DeploymentObject?) -> Progress {
        guard let object else { return self == .deleted || self == .phase(.deleted) ? .reached : .underWay }
        switch self {
        case .deleted: return .underWay
        case .phase(let phase): return object.phase == phase ? .reached : .underWay
        case .ready:
            if object.isReady { return .reached }
            if object.phase?.isTerminal ?? false {
                return .stuck("it is \(object.phaseText): \(object.summary)")
            }
            if let quarantine = object.quarantine, object.phase == .running {
                return .stuck("it was rolled back: \(quarantine.message)")
            }
            return .underWay
        }
    }

    var text: String {
        switch self {
        case .ready: "ready"
        case .deleted: "deleted"
        case .phase(let phase): phase.rawValue
        }
    }
}

/// Waits until a deployment has reached a goal.
struct Awaiting: Sendable {
    let client: ERAClient
    let key: DeploymentKey
    let goal: Goal

    init(_ client: ERAClient, _ key: DeploymentKey, _ goal: Goal) {
        self.client = client
        self.key = key
        self.goal = goal
    }

    /// Returns once the goal is reached.
    /// - Throws: ``CommandFailure`` with ``ProgramExit/notAsDeclared`` when it will not be reached;
    ///   ``ClientError``.
    func finish() async throws {
        while true {
            var object: DeploymentObject?
            var isComplete = false
            for try await event in client.watch(key) {
                switch event {
                case .added(let next), .modified(let next): object = next
                case .deleted: object = nil
                case .bookmark(_, let endsInitialEvents): isComplete = isComplete || endsInitialEvents
                }
                guard isComplete else { continue }
                switch goal.progress(object) {
                case .reached: return
                case .underWay: break
                case .stuck(let why):
                    let advice = "see: era describe \(key)"
                    throw CommandFailure("\(key) will not be \(goal.text): \(why); \(advice)", .notAsDeclared)
                }
            }
            try await Task.sleep(for: DeploymentWatch.pause)
        }
    }

    /// Returns once the goal is reached, within a limit.
    /// - Parameter whole: What the limit is the rest of, for the error; nil where it is all there is.
    /// - Throws: As ``finish()``, and ``CommandFailure`` with ``ProgramExit/timedOut``.
    func finish(within limit: Duration, of whole: Duration? = nil) async throws {
        let isDone: Void? = try await Deadline.run(limit) { try await finish() }
        guard isDone == nil else { return }
        // What it is doing instead is worth a question; the time-out is told without the answer, too.
        let object = try? await client.get(key)
        let state = object.map { "it is \($0.phaseText)" + ($0.summary.isEmpty ? "" : ", \($0.summary)") }
        throw CommandFailure(
            "\(key) was not \(goal.text) within \((whole ?? limit).manifestText): "
                + "\(state ?? "there is no such deployment"); see: era describe \(key)",
            .timedOut
        )
    }
}
