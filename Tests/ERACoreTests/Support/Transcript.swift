import Testing

@testable import ERACore

/// A deployment and its machine, told as a transcript: something happens, and what ERA does about it.
struct Transcript {
    private(set) var record: DeploymentRecord
    private(set) var journal: [JournalEvent]
    /// What the machine shows; steps change it, and so does the test.
    var observed = Observation()
    /// Seconds since boot.
    var now = 0.0
    /// What the next attempts of a step come to; nil for success without effect.
    private var outcomes: [Step: [Failure?]] = [:]
    private var change: (inout DeploymentSpec) -> Void

    /// A deployment that was declared a moment ago.
    init(_ change: @escaping (inout DeploymentSpec) -> Void = { _ in }) throws {
        self.change = change
        let spec = spec(1, change)
        let declaration = Declaration(
            generation: 1,
            revision: 1,
            deployment: deployment(spec),
            origin: origin
        )
        let revision = Revision(number: 1, templateHash: digest(1), spec: spec, createdAt: at(0).wall)
        let event = JournalEvent(at: at(0), .declared(declaration, revision: revision, uid: "a"))
        record = try DeploymentRecord(key: key, founding: event)
        journal = [event]
    }

    /// One whose first revision runs and has nothing left to do.
    static func running(_ change: @escaping (inout DeploymentSpec) -> Void = { _ in }) throws -> Transcript {
        var transcript = try Transcript(change)
        try transcript.settle()
        return transcript
    }

    /// What ERA would do now.
    var decision: Decision { decide(record, observed: observed, now: at(now), jitter: .none) }
    var phase: Phase { record.phase }

    /// The phase, and why it stays there: `Running: idle`, `Fetching: RetryBackOff until 1.0`.
    var rest: String {
        switch decision {
        case .record(let kind): "\(phase): would note \(kind.name)"
        case .run(let step): "\(phase): would run \(step)"
        case .wait(let wait):
            "\(phase): \(wait.reason.word)" + (wait.until.map { " until \($0.sinceBoot.inSeconds)" } ?? "")
        case .idle: "\(phase): idle"
        }
    }

    /// Why it stays in its phase, in words.
    var restText: String { if case .wait(let wait) = decision { wait.reason.text } else { "" } }

    // MARK: What happens

    mutating func note(_ kind: JournalEvent.Kind) throws {
        let event = JournalEvent(at: at(now), kind)
        record = try record.applying(event)
        journal.append(event)
    }

    /// A source declares version `number`.0.0, as a source does.
    mutating func declare(_ number: Int, _ more: (inout DeploymentSpec) -> Void = { _ in }) throws {
        let spec = spec(number) {
            change(&$0)
            more(&$0)
        }
        let what = DeploymentRecord.change(
            of: record,
            to: deployment(spec),
            templateHash: digest(number),
            origin: origin,
            uid: "b",
            at: at(now).wall
        )
        guard case .declare(let kind) = what else {
            Issue.record("the declaration changes nothing: \(what)")
            return
        }
        try note(kind)
    }

    mutating func ask(_ request: OperatorRequest) throws { try note(.requested(request)) }

    /// The next attempts of a step end so; nil is a success that changes nothing.
    mutating func prepare(_ step: Step, _ failures: Failure?...) { outcomes[step, default: []] += failures }

    mutating func pass(_ seconds: Double) { now += seconds }

    /// Power is lost and comes back: nothing runs, the clock begins anew.
    mutating func reboot() throws {
        observed.instances = observed.instances.mapValues { $0 == .absent ? .absent : .installed }
        now = 5
        try note(.resumed(rebooted: true))
    }

    // MARK: What ERA does

    /// Lets ERA work until there is nothing to do for now.
    ///
    /// - Returns: The facts it noted and the steps it took.
    @discardableResult
    mutating func settle(until stop: Step? = nil) throws -> [String] {
        var lines: [String] = []
        for _ in 0..<Self.lineLimit {
            switch decision {
            case .record(let kind):
                try note(kind)
                lines.append(kind.name)
            case .run(let step):
                if step == stop { return lines }
                lines.append(try perform(step))
            case .wait, .idle:
                return lines
            }
        }
        Issue.record("no end of \(lines.suffix(4))")
        return lines
    }

    static let lineLimit = 60

    private mutating func perform(_ step: Step) throws -> String {
        if let outcome = outcomes[step]?.first {
            outcomes[step]?.removeFirst()
            if let outcome {
                try note(.stepFailed(step, outcome, .none))
                return "\(step): \(outcome.code)"
            }
            try note(.stepSucceeded(step, result(of: step)))
            return "\(step), in vain"
        }
        change(for: step)
        try note(.stepSucceeded(step, result(of: step)))
        return step.description
    }

    private mutating func change(for step: Step) {
        switch step {
        case .validate, .fetch, .prepare, .removeVolumes: break
        case .install(let revision): observed.instances[revision] = .installed
        case .start(let revision): observed.instances[revision] = .up(since: now)
        case .stop(let revision): observed.instances[revision] = .installed
        case .remove(let revision), .purge(let revision): observed.instances[revision] = nil
        }
    }

    private func result(of step: Step) -> StepResult {
        switch step {
        case .fetch: .fetched(nil)
        case .install: .installed(InstanceHandle(version: 1, payload: .null))
        case .validate, .prepare, .start, .stop, .remove, .purge, .removeVolumes: .done
        }
    }

    /// The journal, applied from nothing.
    func replayed() throws -> DeploymentRecord {
        var record = try DeploymentRecord(key: key, founding: journal[0])
        for event in journal.dropFirst() { record = try record.applying(event) }
        return record
    }

    func condition(_ kind: Condition.Kind) -> String {
        record.condition(kind).map { "\($0.isTrue), \($0.reason)" } ?? "none"
    }
}
