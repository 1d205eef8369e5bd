internal import CLinux
internal import Dispatch
internal import Glibc
internal import Synchronization

/// Tells when a process ends that is nobody's child here (its shim was killed).
///
/// A class because it owns a descriptor and an event source.
final class ExitWatch: Sendable {
    private let source = Mutex<(any DispatchSourceRead)?>(nil)

    /// Nil when the process has ended already, or the kernel has no pidfd.
    ///
    /// - Parameter onExit: Called on `queue`, once.
    init?(_ process: ProcessIdentity, queue: DispatchQueue, onExit: @escaping @Sendable () -> Void) {
        let descriptor = era_spawn_pidfd_open(process.pid)
        guard descriptor >= 0 else { return nil }
        guard process.isAlive else {
            close(descriptor)
            return nil
        }
        source.withLock { stored in
            let source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
            source.setEventHandler { [weak self] in
                self?.end()
                onExit()
            }
            source.setCancelHandler { close(descriptor) }
            source.activate()
            stored = source
        }
    }

    deinit { end() }

    private func end() {
        source.withLock { source in
            source?.cancel()
            source = nil
        }
    }
}
