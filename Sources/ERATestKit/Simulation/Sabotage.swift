/// A part of the simulated world that breaks its promise on purpose: a run with one must end in a violation,
/// or the checks prove nothing.
public enum Sabotage: String, CaseIterable, Sendable {
    /// `stop` says that all has ended, and leaves it running.
    case stopDoesNothing
    /// `start` begins without regard to what runs of another revision.
    case startsEarly
    /// `flush` returns before anything is on disk: what an engine does that does not wait for its writes.
    case flushDoesNothing
    /// The disk takes two entries in the wrong order.
    case storeReorders
    /// The disk loses one entry of those that it has acknowledged.
    case storeLosesEntry
    /// Now and then a snapshot lacks a file that is there.
    case sourceOmitsFile
    /// Somebody says retry all the time and nobody asked for it: what a
    /// quarantine that is ignored looks like.
    case retriesForever
    /// `delete` says that it has removed everything, and has not.
    case deleteDoesNothing
    /// The engine's timers never fire.
    case clockStandsStill
}
