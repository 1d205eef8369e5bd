internal import CLinux
internal import Dispatch
internal import ERALinux
internal import Glibc
internal import Synchronization

/// Tells when a process ends that is nobody's child here (its shim was killed).
///
/// A class because it owns a descriptor.
final class ExitWatch: Sendable {
    private let watch = Mutex<DescriptorWatch?>(nil)

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
        let isWatched = watch.withLock { watch in
            watch = DescriptorWatch(descriptor, queue: queue) { [weak self] in
                self?.end()
                onExit()
            }
            return watch != nil
        }
        guard isWatched else {
            close(descriptor)
            return nil
        }
    }

    private func end() { watch.withLock { $0 = nil } }
}
