import ERACore
import Glibc

extension WallTime {
    /// The machine's calendar time, to the second, which is all that people are shown.
    static func now() -> WallTime { WallTime(sinceEpoch: .seconds(time(nil))) }
}
