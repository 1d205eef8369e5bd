import Dispatch
import Glibc
import Synchronization

/// Traces another process (ptrace(2)): its own parent cannot reap it until the tracer lets go.
///
/// On a thread of its own, since the kernel ends a trace with the thread that began it; a class,
/// since that thread and the test share it.
final class Tracer: Sendable {
    private typealias Trace = @convention(c) (CLong, pid_t, UInt, UInt) -> CLong

    private let isAttached = Mutex<Bool?>(nil)
    private let attached = DispatchSemaphore(value: 0)
    private let release = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)
    private let process: pid_t

    /// Whether a process that is no child of ours may be traced.
    static let isAllowed: Bool = {
        if geteuid() == 0 { return true }
        // 0: any process of the same user. Source: Linux, Documentation/admin-guide/LSM/Yama.rst.
        let scope = text(of: "/proc/sys/kernel/yama/ptrace_scope").filter(\.isNumber)
        return scope.isEmpty || scope == "0"
    }()

    /// Nil when the kernel refuses.
    init?(_ process: pid_t) {
        self.process = process
        var thread = pthread_t()
        let context = Unmanaged.passRetained(self)
        let code = pthread_create(
            &thread,
            nil,
            { context in
                if let context { Unmanaged<Tracer>.fromOpaque(context).takeRetainedValue().run() }
                return nil
            },
            context.toOpaque()
        )
        guard code == 0 else {
            context.release()
            return nil
        }
        pthread_detach(thread)
        attached.wait()
        guard isAttached.withLock({ $0 }) == true else { return nil }
    }

    /// Ends the trace.
    func letGo() {
        release.signal()
        ended.wait()
    }

    private func run() {
        // Swift cannot call a function with variable arguments; Linux
        // passes those of this one like any others.
        let seize: CLong = 0x4206
        let function = dlsym(nil, "ptrace").map { unsafeBitCast($0, to: Trace.self) }
        let isDone = function.map { $0(seize, process, 0, 0) == 0 } ?? false
        isAttached.withLock { $0 = isDone }
        attached.signal()
        guard isDone else { return }
        release.wait()
        // Reaps what was ended, so that its parent can.
        var status: CInt = 0
        waitpid(process, &status, CInt(bitPattern: 0x4000_0000))
        ended.signal()
    }
}
