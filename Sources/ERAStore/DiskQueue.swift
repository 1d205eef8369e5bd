import Dispatch

/// Where everything runs that waits for the disk: a thread of its own kind, one piece of work at a time.
///
/// The threads of Swift's pool must not wait; work here goes on to its end, whoever cancels.
struct DiskQueue: Sendable {
    private let queue = DispatchQueue(label: "era.store", qos: .userInitiated)

    func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result(catching: body)) }
        }
    }
}
