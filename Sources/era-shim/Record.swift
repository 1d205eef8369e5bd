import CShim

/// What the shim knows of its workload: the text of the state file, and of every answer.
struct Record {
    enum Phase {
        case launching, running, stopping, exited, stopped

        var name: StaticString {
            switch self {
            case .launching: "launching"
            case .running: "running"
            case .stopping: "stopping"
            case .exited: "exited"
            case .stopped: "stopped"
            }
        }
    }

    var phase = Phase.launching
    var workload: Int32 = 0
    var workloadStartTime: UInt64 = 0
    var startedAt: Int64 = 0
    /// The workload itself has ended; what it started may still be there.
    var hasEnded = false
    /// The exit code, or -1 when a signal ended it.
    var code: Int32 = 0
    var signal: Int32 = 0
    var endedAt: Int64 = 0
    /// Processes that outlived SIGKILL.
    var stuck: Int32 = 0
    var holdsSockets = false

    private let directory: Int32
    private let shim: Int32
    private let shimStartTime: UInt64
    private let bootID: Text
    private let restrictions: Text

    init(_ configuration: Configuration, bootID source: CText, directory: Int32) {
        self.directory = directory
        shim = era_pid()
        shimStartTime = era_start_time(shim)
        var bootID = Text(capacity: 64)
        bootID.append(source)
        self.bootID = bootID
        restrictions = configuration.restrictions
    }

    /// The record as text; docs/shim.md describes each line.
    func write(to text: inout Text) {
        text.append("era-shim 1\nboot ")
        text.append(bootID.bytes, bootID.count)
        line(&text, "shim", Int64(shim), Int64(clamping: shimStartTime))
        text.append("\nphase ")
        text.append(phase.name)
        if workload > 0 {
            line(&text, "workload", Int64(workload), Int64(clamping: workloadStartTime))
            line(&text, "started", startedAt)
        }
        if hasEnded {
            if code >= 0 { line(&text, "code", Int64(code)) } else { line(&text, "signal", Int64(signal)) }
            line(&text, "ended", endedAt)
        }
        if stuck > 0 { line(&text, "stuck", Int64(stuck)) }
        if holdsSockets { line(&text, "holding", 1) }
        text.append("\n")
        text.append(restrictions.bytes, restrictions.count)
        text.append("end\n")
    }

    /// Replaces the state file.
    ///
    /// - Returns: 0, or a negative errno.
    func save() -> Int32 {
        var text = Text(capacity: 4096)
        write(to: &text)
        let result = era_replace_file(directory, "state", text.bytes, Int64(text.count))
        text.deallocate()
        return result
    }

    /// Removes the state file: nothing was started.
    func forget() { _ = era_remove(directory, "state") }

    private func line(_ text: inout Text, _ name: StaticString, _ first: Int64, _ second: Int64? = nil) {
        text.append("\n")
        text.append(name)
        text.append(" ")
        text.append(first)
        guard let second else { return }
        text.append(" ")
        text.append(second)
    }
}
