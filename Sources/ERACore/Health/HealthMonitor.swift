/// What the probes say of an instance.
public enum HealthVerdict: Hashable, Sendable {
    /// Not healthy yet; what is lacking, as a sentence's end.
    case pending(String)
    /// Started, alive and ready without interruption since then.
    case healthy(since: Uptime)
    /// Alive, but its readiness probe fails: why.
    case unready(String)
    /// A startup or liveness probe failed as often as it may.
    case failed(Failure)
}

/// Judges the probes of one instance; the probes themselves are performed elsewhere.
///
/// Thresholds, periods and the order startup → liveness and readiness are those of Kubernetes'
/// `core/v1.Probe`. Until a probe has succeeded once it is repeated after a quick ramp instead of its
/// period, so that a fast program counts as healthy at once; such extra failures count once a period.
public struct HealthMonitor: Hashable, Sendable {
    /// One probe's counts.
    struct Track: Hashable, Sendable {
        let spec: ProbeSpec
        var successes = 0
        var failures = 0
        var hasSucceeded = false
        var isPassing: Bool
        var attempts = 0
        var nextAt: Uptime
        var lastCountedFailureAt: Uptime?
        var message: String?
        var isUnderway = false

        /// The first pause of the ramp; it doubles up to the period.
        static let rampStart = Duration.milliseconds(4)

        init(_ spec: ProbeSpec, from start: Uptime, presumedHealthy: Bool) {
            self.spec = spec
            isPassing = presumedHealthy
            hasSucceeded = presumedHealthy
            nextAt = start + .seconds(presumedHealthy ? spec.periodSeconds : spec.initialDelaySeconds)
        }

        var period: Duration { .seconds(spec.periodSeconds) }
        var hasFailed: Bool { failures >= spec.failureThreshold }

        mutating func note(_ problem: String?, at now: Uptime) {
            isUnderway = false
            attempts += 1
            message = problem
            if problem == nil {
                failures = 0
                lastCountedFailureAt = nil
                successes += 1
                if successes >= spec.successThreshold {
                    isPassing = true
                    hasSucceeded = true
                }
            } else {
                successes = 0
                if lastCountedFailureAt.map({ now - $0 >= period }) ?? true {
                    failures += 1
                    lastCountedFailureAt = now
                }
                if hasFailed { isPassing = false }
            }
            nextAt = now + pause
            // The ramp must not push the failures that count further apart than a period.
            if let counted = lastCountedFailureAt {
                nextAt = min(nextAt, max(counted + period, now + Self.rampStart))
            }
        }

        private var pause: Duration {
            guard !hasSucceeded, successes == 0 else { return period }
            var pause = Self.rampStart
            for _ in 1..<max(attempts, 2) where attempts > 1 && pause < period { pause = pause * 2 }
            return min(pause, period)
        }
    }

    private var tracks: [ProbeKind: Track]
    private let startedAt: Uptime
    private var healthySince: Uptime?

    /// - Parameter startedAt: When the instance was started, or adopted.
    /// - Parameter presumedHealthy: It was healthy when it was last seen (before ERA was restarted): it
    ///   stays so until probes say otherwise.
    public init(_ spec: HealthSpec, startedAt: Uptime, presumedHealthy: Bool = false) {
        self.startedAt = startedAt
        tracks = [:]
        for kind in ProbeKind.allCases {
            tracks[kind] = spec[kind].map { Track($0, from: startedAt, presumedHealthy: presumedHealthy) }
        }
        if presumedHealthy { tracks[.startup] = nil }
        healthySince = isWhole ? startedAt : nil
    }

    /// The probes to perform now. Each is under way until ``note(_:_:at:)``.
    public mutating func begin(at now: Uptime) -> [(kind: ProbeKind, spec: ProbeSpec)] {
        var due: [(ProbeKind, ProbeSpec)] = []
        for kind in ProbeKind.allCases where isActive(kind) {
            guard var track = tracks[kind], !track.isUnderway, track.nextAt <= now else { continue }
            track.isUnderway = true
            tracks[kind] = track
            due.append((kind, track.spec))
        }
        return due
    }

    /// When the next probe is due; nil while there is none to perform or all are under way.
    public var nextAt: Uptime? {
        ProbeKind.allCases.filter(isActive).compactMap { tracks[$0] }.filter { !$0.isUnderway }.map(\.nextAt)
            .min()
    }

    /// Takes the outcome of a probe: nil for success, else what went wrong.
    public mutating func note(_ kind: ProbeKind, _ problem: String?, at now: Uptime) {
        guard var track = tracks[kind] else { return }
        track.note(problem, at: now)
        tracks[kind] = track
        if kind == .startup, track.isPassing { restartClocks(at: now) }
        healthySince = isWhole ? healthySince ?? now : nil
    }

    public var verdict: HealthVerdict {
        if let startup = tracks[.startup], !startup.isPassing {
            if startup.hasFailed { return .failed(failure(.startupProbeFailed, "startup", startup)) }
            return .pending("waiting for the startup probe\(Self.because(startup))")
        }
        if let liveness = tracks[.liveness] {
            if liveness.hasFailed { return .failed(failure(.livenessProbeFailed, "liveness", liveness)) }
            if !liveness.hasSucceeded {
                return .pending("waiting for the liveness probe\(Self.because(liveness))")
            }
        }
        if let readiness = tracks[.readiness], !readiness.isPassing {
            let text = "readiness probe\(Self.because(readiness))"
            return readiness.hasSucceeded ? .unready(text) : .pending("waiting for the \(text)")
        }
        return .healthy(since: healthySince ?? startedAt)
    }

    /// Liveness and readiness begin when the startup probe has succeeded (Kubernetes, "Configure probes").
    private func isActive(_ kind: ProbeKind) -> Bool {
        let hasStarted = tracks[.startup]?.isPassing ?? true
        return kind == .startup ? !hasStarted : hasStarted
    }

    private var isWhole: Bool {
        (tracks[.startup]?.isPassing ?? true)
            && (tracks[.liveness].map { $0.hasSucceeded && !$0.hasFailed } ?? true)
            && (tracks[.readiness]?.isPassing ?? true)
    }

    private mutating func restartClocks(at now: Uptime) {
        for kind in [ProbeKind.liveness, .readiness] {
            guard var track = tracks[kind] else { continue }
            track.nextAt = max(now, track.nextAt)
            tracks[kind] = track
        }
    }

    private func failure(_ code: Failure.Code, _ name: String, _ track: Track) -> Failure {
        .transient(code, "the \(name) probe failed \(track.failures) times in a row\(Self.because(track))")
    }

    private static func because(_ track: Track) -> String { track.message.map { ": \($0)" } ?? "" }
}
