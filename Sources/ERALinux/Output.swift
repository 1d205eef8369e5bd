internal import Synchronization

/// The start of what a child writes.
///
/// A class, because who reads and who waits for the end share it.
public final class Output: Sendable {
    private let limit: Int
    private let state = Mutex<[UInt8]>([])

    /// - Parameter limit: What is kept, in bytes.
    public init(limit: Int) { self.limit = limit }

    public var bytes: [UInt8] { state.withLock { $0 } }

    /// - Returns: Whether all of it was kept.
    @discardableResult
    public func add(_ piece: [UInt8]) -> Bool {
        state.withLock { bytes in
            let room = limit - bytes.count
            bytes += piece.prefix(room)
            return piece.count <= room
        }
    }
}
