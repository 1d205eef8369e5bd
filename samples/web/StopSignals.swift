import Glibc

/// SIGTERM and SIGINT as a descriptor that becomes readable, to be polled with the sockets.
///
/// A thread waits for the signals with sigwait(3), so that there is no handler, and nothing global.
struct StopSignals {
    let descriptor: Int32

    /// Blocks both signals for the whole process; call it before there is any other thread.
    ///
    /// - Throws: ``Problem`` when the process has no descriptors or threads left.
    init() throws(Problem) {
        var signals = Self.set
        sigprocmask(SIG_BLOCK, &signals, nil)
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Problem("cannot make a pipe: \(errorText())") }
        descriptor = ends[0]
        // The descriptor's number travels as the pointer that the thread is given.
        let context = UnsafeMutableRawPointer(bitPattern: Int(ends[1]))
        var thread = pthread_t()
        let status = pthread_create(
            &thread,
            nil,
            { context in
                var signals = StopSignals.set
                var signal: Int32 = 0
                sigwait(&signals, &signal)
                close(Int32(Int(bitPattern: context)))
                return nil
            },
            context
        )
        guard status == 0 else {
            throw Problem("cannot start a thread: \(String(cString: strerror(status)))")
        }
        pthread_detach(thread)
    }

    private static var set: sigset_t {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigaddset(&signals, SIGINT)
        return signals
    }
}
