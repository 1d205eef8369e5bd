import Glibc
import Testing

/// Waits until something is so. The limit is for slow machines, not for the test.
///
/// - Throws: ``Trouble`` when it never came to be so; then the rest of a test would be noise.
func eventually(
    _ what: String,
    within limit: Duration = .seconds(60),
    _ condition: () async throws -> Bool,
    otherwise explain: () async -> String = { "" }
) async throws {
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(10))
    }
    throw Trouble("it never came to be so: \(what). \(await explain())")
}

/// Holds that something stays so for a while.
func always(
    _ what: String,
    for period: Duration,
    _ condition: () async throws -> Bool,
    _ location: SourceLocation = #_sourceLocation
) async throws {
    let deadline = ContinuousClock.now + period
    while ContinuousClock.now < deadline {
        guard try await condition() else {
            Issue.record("it did not stay so: \(what)", sourceLocation: location)
            return
        }
        try await Task.sleep(for: .milliseconds(20))
    }
}

/// Lets only so many machines be at work at once: two cores run forty daemons badly.
actor Slots {
    static let machineLimit = 4
    static let machines = Slots(machineLimit)

    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(_ count: Int) { free = count }

    func take() async {
        if free > 0 {
            free -= 1
        } else {
            await withCheckedContinuation { waiting.append($0) }
        }
    }

    func give() {
        if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
    }
}

/// Random numbers that a seed repeats (SplitMix64).
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
