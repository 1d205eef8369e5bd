import ERACore

/// Who does work of one kind at the same time: few at once, of those that are quick.
///
/// Who takes long gives its place up and goes on beside the others, so that what waits or hangs (a
/// download, a stop with a long grace, a plugin without an answer) holds up nobody else. How many those
/// are, is bounded by what they wait for.
struct Places<Holder: Hashable & Sendable>: Sendable {
    private var takenAt: [Holder: Uptime] = [:]

    var count: Int { takenAt.count }
    /// When the place was taken that is held longest.
    var oldest: Uptime? { takenAt.values.min() }

    mutating func take(_ holder: Holder, at now: Uptime) { takenAt[holder] = now }
    mutating func giveBack(_ holder: Holder) { takenAt[holder] = nil }

    /// Frees the places that have been held so long.
    mutating func free(heldFor age: Duration, at now: Uptime) {
        for (holder, at) in takenAt where now - at >= age { takenAt[holder] = nil }
    }
}
