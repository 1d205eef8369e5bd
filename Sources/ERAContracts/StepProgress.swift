public import ERACore

/// How far a long step has come: a download in bytes received, an unpacking in bytes of the archive read.
///
/// Each report is a sign of life: a step that gives none for its time limit is given up.
public struct StepProgress: Hashable, Sendable {
    /// It has not begun: as many as may go on at once do so for others. No time runs until the next report.
    public static let queued = StepProgress(done: ByteCount(0), total: nil, isQueued: true)

    public var done: ByteCount
    /// Nil when nobody said.
    public var total: ByteCount?
    public private(set) var isQueued: Bool

    public init(done: ByteCount, total: ByteCount?) { self.init(done: done, total: total, isQueued: false) }

    private init(done: ByteCount, total: ByteCount?, isQueued: Bool) {
        self.done = done
        self.total = total
        self.isQueued = isQueued
    }
}
