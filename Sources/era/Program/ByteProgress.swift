import ERAContracts
import ERACore
import Synchronization

/// One line on a terminal that says how far something has come; nothing elsewhere.
///
/// A class, since whoever works and whoever shows share it.
final class ByteProgress: Sendable {
    private let verb: String
    private let isShown = Terminal.error.isInteractive
    private let width = Mutex(0)

    /// - Parameter verb: What has happened to the bytes: `fetched`.
    init(_ verb: String) { self.verb = verb }

    func report(_ done: ByteCount) { show("\(verb) \(DeploymentRow.size(done))") }

    func report(_ progress: StepProgress) {
        if progress.isQueued { return show("waits for other downloads") }
        guard let total = progress.total else { return report(progress.done) }
        show("\(verb) \(DeploymentRow.size(progress.done)) of \(DeploymentRow.size(total))")
    }

    /// Runs `body`, and takes the line away when it has ended.
    func showing<Value>(_ body: () async throws -> Value) async rethrows -> Value {
        defer { show("") }
        return try await body()
    }

    private func show(_ text: String) {
        guard isShown else { return }
        width.withLock { width in
            let rest = String(repeating: " ", count: max(0, width - text.count))
            width = text.count
            Console.note("\r\(text)\(rest)" + (text.isEmpty ? "\r" : ""))
        }
    }
}
