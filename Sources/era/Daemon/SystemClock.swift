import ERACore
import ERAEngine
import ERAServer

/// The machine's clocks, for the engine.
struct SystemClock: EngineClock {
    func now() -> Timestamp { SystemClocks.now() }

    func sleep(until deadline: Uptime) async throws {
        // The continuous clock counts suspended time, as uptimes do.
        try await Task.sleep(for: max(deadline - now().uptime, Duration.zero), clock: .continuous)
    }
}
