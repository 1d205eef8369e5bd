import Glibc
import Synchronization

/// Named points at which tests end the daemon as a power failure would.
///
/// `ERA_FAILPOINT=NAME` or `NAME:COUNT` has the process kill itself when the point is reached for the
/// COUNT-th time. Without the variable the points cost one comparison.
struct Failpoints: Sendable {
    private let name: String?
    private let left: Counter

    /// A class, so that every copy of the hook counts alike.
    private final class Counter: Sendable {
        let value: Mutex<Int>
        init(_ value: Int) { self.value = Mutex(value) }
    }

    init(_ environment: Environment) {
        let parts = (environment["ERA_FAILPOINT"] ?? "").split(separator: ":", maxSplits: 1)
        name = parts.first.map(String.init)
        left = Counter(parts.count == 2 ? Int(parts[1]) ?? 1 : 1)
    }

    func reached(_ point: String) {
        guard name == point else { return }
        let isLast = left.value.withLock { count in
            count -= 1
            return count == 0
        }
        if isLast { kill(getpid(), SIGKILL) }
    }
}
