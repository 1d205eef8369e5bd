import ERACore

/// How the engine works; each default is what the documentation names.
public struct EngineOptions: Sendable {
    /// From one full look at all sources and deployments to the next.
    public var interval = Duration.seconds(30)
    /// Deployments that are worked on at the same time, apart from those that wait for something slow.
    public var parallelLimit = 16
    /// Likewise, together with those that wait; the same number again for what is urgent.
    public var waitingLimit = 256
    /// Probes that are performed at the same time, apart from those that get no answer soon.
    public var probeLimit = 64
    /// Report what differs and mend nothing: no step is run.
    public var observeOnly = false
    /// How long the tombstone of a deleted deployment is kept.
    public var tombstoneRetention = Duration.seconds(3600)
    /// How long each step may take.
    public var timeLimits = StepTimeLimits()
    /// Before a store that cannot be written is tried again.
    public var recoveryPause = Duration.seconds(1)
    /// Before a plugin that could not tell the state of an instance is asked again.
    public var observationPause = Duration.seconds(2)
    /// From one collection of unpinned artifacts to the next.
    public var collectionInterval = Duration.seconds(3600)

    public init() {}
}

/// How long each step may take before it counts as failed with a time-out.
public struct StepTimeLimits: Sendable {
    public var validate = Duration.seconds(30)
    /// Without any progress; how long a download may take as a whole, the fetcher limits itself.
    public var fetch = Duration.seconds(600)
    /// Without any progress: an update unpacks in it.
    public var prepare = Duration.seconds(600)
    /// Without any progress.
    public var install = Duration.seconds(600)
    public var start = Duration.seconds(30)
    /// Beyond the grace that the manifest gives.
    public var stop = Duration.seconds(30)
    public var remove = Duration.seconds(300)

    public init() {}

    func limit(of step: Step, grace: Duration) -> Duration {
        switch step {
        case .validate: validate
        case .fetch: fetch
        case .prepare: prepare
        case .install: install
        case .start: start
        case .stop: stop + grace
        case .remove, .purge, .removeVolumes: remove
        }
    }
}

/// The most hops that one pass makes before others get their turn.
let passHopLimit = 64

/// How long a pass or a probe holds its place while others wait for one.
let placeTime = Duration.milliseconds(250)

/// A timer that fires later than this was held up: ERA or the machine was suspended, and no deadline ran.
let suspensionThreshold = Duration.seconds(5)
