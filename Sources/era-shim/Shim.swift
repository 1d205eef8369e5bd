import CShim

/// The parent of one workload, from its start until nothing of it is left.
struct Shim {
    enum Start {
        case started(Shim)
        case failed(Stage, Int32)
    }

    /// How long processes may outlive SIGKILL before the record says that they are stuck.
    static let killLimit: Int64 = 3_000_000_000
    /// How often survivors are killed again, in milliseconds.
    static let killPeriod: Int64 = 50
    /// Buffers taken from a stream before the other work gets its turn.
    static let drainRounds = 8
    /// Buffers taken from a stream at the end: more than the largest pipe holds.
    static let lastRounds = 1024

    private var record: Record
    private var control: Control
    private var log: Log
    private let signals: Int32
    private let cgroup: Text
    private var socketNames: Text
    private var socketCount: Int
    private let sockets: UnsafeMutablePointer<Int32>
    /// Whether the workload was left to us by a launcher: it leads a process tree that takes care of itself.
    private let hasLauncher: Bool
    private let leftoverGrace: Int64
    private var streams = (output: true, error: true)

    /// When SIGKILL is due or was due; 0 while nothing is to be killed.
    private var killAt: Int64 = 0
    private var lastSignal: Int32 = 0
    private var isStopOrdered = false
    private var isEmpty = false

    /// Prepares everything, launches the workload, and records it.
    static func start(_ configuration: Configuration) -> Start {
        let signals = era_shim_setup()
        guard signals >= 0 else { return .failed(.configuration, -signals) }
        guard let statePath = configuration.stateDirectory, let logPath = configuration.logDirectory,
            let runPath = configuration.runDirectory, let controlName = configuration.controlName,
            let bootID = configuration.bootID
        else { return .failed(.configuration, 0) }

        let state = era_open_directory(statePath)
        guard state >= 0 else { return .failed(.state, -state) }
        var record = Record(configuration, bootID: bootID, directory: state)
        let saved = record.save()
        guard saved >= 0 else { return .failed(.state, -saved) }

        let run = era_open_directory(runPath)
        guard run >= 0 else { return undo(record, .control, -run) }
        var control = Control(directory: run, name: controlName, starter: Inherited.starter)
        guard control.listener >= 0 else { return undo(record, .control, -control.listener) }

        let logDirectory = era_open_directory(logPath)
        var output: (reading: Int32, writing: Int32) = (-1, -1)
        var error: (reading: Int32, writing: Int32) = (-1, -1)
        guard logDirectory >= 0 else { return undo(record, &control, .log, -logDirectory) }
        let piped = min(era_pipe(&output.reading, &output.writing), era_pipe(&error.reading, &error.writing))
        guard piped >= 0 else { return undo(record, &control, .log, -piped) }

        var launching = configuration
        launching.connect(output: output.writing, error: error.writing)
        var stage: Int32 = 0
        var pid = withUnsafePointer(to: launching.launch) { era_start($0, &stage) }
        guard pid > 0 else {
            return undo(record, &control, Stage(rawValue: UInt32(stage)), -pid)
        }
        era_close(output.writing)
        era_close(error.writing)
        if let pidFile = configuration.pidFile {
            var code: Int32 = 0
            pid = era_await_launcher(pid, pidFile, &code)
            guard pid > 0 else { return undo(record, &control, .launcher, code) }
        }
        record.phase = .running
        record.workload = pid
        record.workloadStartTime = era_start_time(pid)
        record.startedAt = era_uptime()
        // What cannot be written now is written with the next change; the daemon knows by the answer.
        _ = record.save()
        let log = Log(configuration, directory: logDirectory, output: output.reading, error: error.reading)
        let shim = Shim(configuration, record, control, log, signals: signals)
        configuration.deallocate()
        shim.publish()
        return .started(shim)
    }

    private init(
        _ configuration: Configuration,
        _ record: Record,
        _ control: Control,
        _ log: Log,
        signals: Int32
    ) {
        self.record = record
        self.control = control
        self.log = log
        self.signals = signals
        var cgroup = Text(capacity: 256)
        if let path = configuration.cgroup { cgroup.append(path) }
        self.cgroup = cgroup
        socketNames = configuration.socketNames
        socketCount = configuration.socketCount
        sockets = configuration.sockets
        hasLauncher = configuration.pidFile != nil
        leftoverGrace = configuration.graceMilliseconds
    }

    private static func undo(_ record: Record, _ stage: Stage, _ error: Int32) -> Start {
        record.forget()
        return .failed(stage, error)
    }

    private static func undo(
        _ record: Record,
        _ control: inout Control,
        _ stage: Stage,
        _ error: Int32
    ) -> Start {
        control.leave(keepingSocket: false)
        return undo(record, stage, error)
    }

    // MARK: The loop

    /// Works until nothing is left of the workload, and for as long as somebody needs its sockets.
    mutating func run() {
        let list = UnsafeMutablePointer<era_poll>.allocate(capacity: 4 + Control.connectionLimit)
        while !isEmpty {
            wait(list)
            reap()
            if !isEmpty { killWhatIsDue() }
        }
        finish()
        guard record.holdsSockets else { return }
        while record.holdsSockets { wait(list) }
        control.removeHolder()
    }

    /// Waits for the next thing to happen, and deals with it.
    private mutating func wait(_ list: UnsafeMutablePointer<era_poll>) {
        func entry(_ descriptor: Int32) -> era_poll {
            era_poll(descriptor: descriptor, events: Int16(ERA_READABLE), happened: 0)
        }
        list[0] = entry(signals)
        list[1] = entry(control.listener)
        list[2] = entry(streams.output ? log.output.descriptor : -1)
        list[3] = entry(streams.error ? log.error.descriptor : -1)
        for index in 0..<Control.connectionLimit {
            list[4 + index] = entry(control.connections[index].descriptor)
        }
        guard era_wait_for(list, Int32(4 + Control.connectionLimit), timeout) > 0 else { return }
        if list[0].happened != 0 { era_drain_signals(signals) }
        if list[2].happened != 0 {
            streams.output = log.drain(isError: false, rounds: Self.drainRounds).isOpen
        }
        if list[3].happened != 0 { streams.error = log.drain(isError: true, rounds: Self.drainRounds).isOpen }
        log.flush()
        for index in 0..<Control.connectionLimit where list[4 + index].happened != 0 { answer(index) }
        if list[1].happened != 0 { control.accept() }
    }

    /// Milliseconds until something is due; -1 for never.
    private var timeout: Int32 {
        guard killAt > 0, !isEmpty else { return -1 }
        let left = (killAt - era_uptime() + 999_999) / 1_000_000
        return Int32(clamping: left > 0 ? left : Self.killPeriod)
    }

    private mutating func reap() {
        while true {
            var code: Int32 = 0
            var signal: Int32 = 0
            let pid = era_reap(&code, &signal)
            if pid == -ERA_ECHILD { isEmpty = true }
            guard pid > 0 else { break }
            if pid == record.workload, !record.hasEnded {
                record.hasEnded = true
                record.code = code
                record.signal = signal
                record.endedAt = era_uptime()
            }
        }
        guard !isEmpty, record.hasEnded, record.phase == .running else { return }
        // It left processes behind: they end too, or a restart would meet them.
        beginStop(signal: 15, graceMilliseconds: leftoverGrace)
    }

    // MARK: Stopping

    /// Signals everything and sets the time of the kill; a second order may bring the kill forward only.
    private mutating func beginStop(signal: Int32, graceMilliseconds: Int64) {
        let now = era_uptime()
        let due = now + graceMilliseconds * 1_000_000
        if killAt > 0, killAt <= now {
            // Whoever orders it again gives what is stuck another chance to be gone.
            killAt = now
            record.stuck = 0
        } else {
            killAt = killAt == 0 ? due : min(killAt, due)
        }
        // A repeated order joins the one under way: to many programs a second signal means "drop it all".
        if signal != lastSignal { signalAll(signal) }
        lastSignal = signal
        guard record.phase == .running else { return }
        record.phase = .stopping
        _ = record.save()
        publish()
    }

    private mutating func killWhatIsDue() {
        guard killAt > 0 else { return }
        let now = era_uptime()
        guard now >= killAt else { return }
        if cgroup.count > 0 { _ = era_write_control(cgroup.cText, "cgroup.kill", "1") }
        let survivors = signalAll(9)
        guard now >= killAt + Self.killLimit, record.stuck != survivors else { return }
        record.stuck = survivors
        _ = record.save()
        publish()
    }

    /// Signals the workload's process group, and each child of ours that left it (orphans are our children).
    ///
    /// What a launcher left is one process that leads the others, a container's first: it alone is signalled.
    /// Only what was not reaped yet is signalled, so no number can mean another process.
    /// - Returns: How many children there are.
    @discardableResult
    private func signalAll(_ signal: Int32) -> Int32 {
        var children: Int32 = 0
        // While the workload is not reaped its number is the group's and nobody else's. Later it may be
        // another's; but then what is left are our own children.
        let hasGroup = !record.hasEnded && !hasLauncher
        if hasGroup { _ = era_signal_group(record.workload, signal) }
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: 256) { list in
            guard let start = list.baseAddress else { return }
            children = era_children(start, 256)
            for index in 0..<Int(children) where !hasGroup || list[index] != record.workload {
                _ = era_signal(list[index], signal)
            }
        }
        return children
    }

    // MARK: The end

    /// Writes down how it ended, and makes room for the next shim of the instance; only then says so.
    private mutating func finish() {
        // What is in the pipes; a writer that is not ours, if there is one, must not keep us for ever.
        for isError in [false, true] where isError ? streams.error : streams.output {
            for _ in 0..<Self.lastRounds where log.drain(isError: isError, rounds: 1).bytes == 0 { break }
        }
        log.finish()
        record.phase = isStopOrdered ? .stopped : .exited
        record.stuck = 0
        record.holdsSockets = socketCount > 0
        _ = record.save()
        control.leave(keepingSocket: record.holdsSockets)
        if cgroup.count > 0 { _ = era_remove_directory(cgroup.cText) }
        era_close(Inherited.lock)
        publish()
        for index in 0..<Control.connectionLimit where control.connections[index].descriptor >= 0 {
            control.close(index)
        }
    }

    // MARK: Talking

    private mutating func answer(_ index: Int) {
        guard let request = control.receive(index) else { return }
        switch request {
        case .status, .watch:
            break
        case .stop(let signal, let grace):
            guard !isEmpty else { break }
            isStopOrdered = true
            beginStop(signal: signal, graceMilliseconds: grace)
        case .sockets:
            control.send(socketReply(), descriptors: sockets, socketCount, to: index)
            return
        case .release(let name):
            guard isEmpty else { break }
            if let name { drop(name) }
            if name == nil || socketCount == 0 { record.holdsSockets = false }
        }
        guard control.connections[index].descriptor >= 0 else { return }
        var text = Text(capacity: 4096)
        record.write(to: &text)
        control.send(text, to: index)
        text.deallocate()
    }

    /// Closes the socket of this name; where there is none, nothing.
    private mutating func drop(_ name: CText) {
        var start = 0
        for index in 0..<socketCount {
            var end = start
            var isSame = true
            while end < socketNames.count, socketNames.bytes[end] != 10 {
                // A name that ends early differs at its zero, and is not read further.
                isSame = isSame && UInt8(bitPattern: name[end - start]) == socketNames.bytes[end]
                end += 1
            }
            if isSame, name[end - start] == 0 {
                era_close(sockets[index])
                for next in (index + 1)..<socketCount { sockets[next - 1] = sockets[next] }
                socketNames.remove(from: start, to: min(end + 1, socketNames.count))
                socketCount -= 1
                return
            }
            start = end + 1
        }
    }

    private func socketReply() -> Text {
        var text = Text(capacity: socketNames.count + 16)
        text.append(socketNames.bytes, socketNames.count)
        text.append("end\n")
        return text
    }

    /// Sends the record to everybody who watches.
    private func publish() {
        var text = Text(capacity: 4096)
        record.write(to: &text)
        for index in 0..<Control.connectionLimit where control.connections[index].isWatching {
            control.send(text, to: index)
        }
        text.deallocate()
    }
}

extension Stage {
    static var configuration: Stage { Stage(rawValue: UInt32(ERA_STAGE_CONFIGURATION)) }
    static var state: Stage { Stage(rawValue: UInt32(ERA_STAGE_STATE)) }
    static var control: Stage { Stage(rawValue: UInt32(ERA_STAGE_CONTROL)) }
    static var log: Stage { Stage(rawValue: UInt32(ERA_STAGE_LOG)) }
    static var launcher: Stage { Stage(rawValue: UInt32(ERA_STAGE_LAUNCHER)) }
}
