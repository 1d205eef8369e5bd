import Synchronization

/// Random numbers that a seed repeats; SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
/// generators", 2014).
///
/// A class, since everything in a simulated world draws from the one sequence.
public final class SeededRandom: Sendable {
    private let state: Mutex<UInt64>

    public init(seed: UInt64) { state = Mutex(seed) }

    /// Uniform over all 64 bits.
    public func next() -> UInt64 {
        state.withLock { state in
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }

    /// Uniform in 0 ..< 1.
    public func unit() -> Double { Double(next() >> 11) / Double(1 << 53) }

    /// Uniform in 0 ..< bound.
    public func below(_ bound: Int) -> Int { Int(next() % UInt64(max(1, bound))) }

    /// True so often, of 1.
    public func chance(_ probability: Double) -> Bool { unit() < probability }

    /// Any of the elements, each as likely as the others; nil of none.
    public func pick<Element>(_ elements: [Element]) -> Element? {
        elements.isEmpty ? nil : elements[below(elements.count)]
    }
}
