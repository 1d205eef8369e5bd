public import ERACore
import Glibc

/// The machine's clocks.
public enum SystemClocks {
    /// Reads `CLOCK_BOOTTIME` and `CLOCK_REALTIME`.
    @Sendable public static func now() -> Timestamp {
        Timestamp(
            uptime: Uptime(sinceBoot: read(CLOCK_BOOTTIME)),
            wall: WallTime(sinceEpoch: read(CLOCK_REALTIME))
        )
    }

    private static func read(_ clock: clockid_t) -> Duration {
        var time = timespec()
        // Fails only for a clock that does not exist.
        clock_gettime(clock, &time)
        return .seconds(Int64(time.tv_sec)) + .nanoseconds(Int64(time.tv_nsec))
    }
}
