import ERAArtifact
import ERAContracts
import ERACore
import ERARuntime

/// What the program is where a daemon that is not root starts it in a user namespace: it unpacks one image.
///
/// No command for people: what it says is for the daemon (``UnpackReport``).
enum LayerUnpacking {
    /// - Parameter arguments: Of an ``UnpackRequest``.
    /// - Returns: The exit code.
    static func run(_ arguments: some Collection<String>) async -> Int32 {
        guard let request = UnpackRequest(arguments: arguments) else { return 64 }
        do {
            let owners = OwnerLimits(users: request.userCount, groups: request.groupCount)
            let unpacker = ImageUnpacker(owners: owners)
            try await unpacker.unpack(request.layers, into: request.directory) { progress in
                Console.line(UnpackReport.progress(progress).line)
            }
            return 0
        } catch {
            let failure = error as? Failure ?? .transient(.internalFault, "\(error)")
            Console.line(UnpackReport.failed(failure).line)
            return 1
        }
    }
}
