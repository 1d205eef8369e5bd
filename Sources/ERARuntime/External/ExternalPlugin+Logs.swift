public import ERAContracts
public import ERACore
internal import CLinux
internal import Glibc
internal import Synchronization

extension ExternalPlugin {
    public func logs(_ id: InstanceID, _ request: LogRequest) -> AsyncThrowingStream<[UInt8], any Error> {
        guard description.capabilities.contains(.logs) else {
            return AsyncThrowingStream {
                throw Failure.permanent(.unsupported, "plugin \(self.description.name) keeps no logs")
            }
        }
        let output = PluginOutput(self, id, request)
        return AsyncThrowingStream { try await output.next() }
    }
}

/// What the verb `logs` writes, read as fast as somebody takes it.
///
/// An actor because it owns the process, which is killed with it.
private actor PluginOutput {
    /// What one chunk holds at most.
    static let chunkLimit = 65_536
    /// How long one wait for output takes at most: so soon a reader who leaves is noticed.
    private static let waitMilliseconds: CInt = 250

    private let plugin: ExternalPlugin
    private let call: PluginCall
    private let isFollowing: Bool
    private let deadline: ContinuousClock.Instant
    private var started: StartedPlugin?
    private var pending: [UInt8] = []
    private var isAtEnd = false

    init(_ plugin: ExternalPlugin, _ id: InstanceID, _ request: LogRequest) {
        self.plugin = plugin
        isFollowing = request.follow
        deadline = .now + plugin.options.timeouts.logs
        let directory = plugin.directory(id)
        call = PluginCall(
            verb: "logs",
            input: PluginRequest.logs(id, request, directory: directory).bytes,
            environment: plugin.caller.environment((id, directory)),
            directory: directory,
            timeout: plugin.options.timeouts.logs
        )
    }

    deinit {
        guard let started else { return }
        let plugin = plugin
        plugin.logQueue.async {
            _ = Self.end(started, within: 0)
            plugin.openLogs.withLock { $0 -= 1 }
        }
    }

    /// The next whole lines; nil at the end, and when the reader is cancelled.
    ///
    /// - Throws: ``Failure``.
    func next() async throws -> [UInt8]? {
        if started == nil, !isAtEnd { try begin() }
        while !isAtEnd, let started {
            guard !Task.isCancelled else { return nil }
            guard isFollowing || .now < deadline else {
                throw Failure.transient(
                    .timeout,
                    "the logs of plugin \(plugin.description.name) took too long"
                )
            }
            let output = started.output
            let talk = started.talk
            let chunk: [UInt8]? = await withCheckedContinuation { continuation in
                plugin.logQueue.async { continuation.resume(returning: Self.read(output, talk)) }
            }
            guard let chunk else {
                isAtEnd = true
                try await end(started)
                break
            }
            pending += chunk
            if let lines = takeLines() { return lines }
        }
        defer { pending = [] }
        return pending.isEmpty ? nil : pending
    }

    /// - Throws: ``Failure``: it says with its exit code that it failed.
    private func end(_ ended: StartedPlugin) async throws {
        started = nil
        let plugin = plugin
        let status: CInt = await withCheckedContinuation { continuation in
            plugin.logQueue.async {
                let status = Self.end(ended, within: 1000)
                plugin.openLogs.withLock { $0 -= 1 }
                continuation.resume(returning: status)
            }
        }
        guard status & 0x7F == 0, status != 0 else { return }
        let name = "\(PluginFile.prefix)\(plugin.description.name)"
        throw Failure.permanent(.pluginFault, "\(name) logs failed with exit code \(status >> 8 & 0xFF)")
    }

    /// Waits a little for the end, kills what is left, and reaps.
    private static func end(_ started: StartedPlugin, within milliseconds: CInt) -> CInt {
        var ready = pollfd(fd: started.exit, events: Int16(POLLIN), revents: 0)
        poll(&ready, 1, milliseconds)
        // Not reaped: the number is still this process's own.
        kill(-started.process, SIGKILL)
        var status: CInt = 0
        while waitpid(started.process, &status, 0) < 0, errno == EINTR {}
        for descriptor in [started.output, started.talk, started.exit] { close(descriptor) }
        return status
    }

    private func begin() throws {
        let hasPlace = plugin.openLogs.withLock { open in
            guard open < ExternalPlugin.logLimit else { return false }
            open += 1
            return true
        }
        guard hasPlace else {
            let name = plugin.description.name
            throw Failure.transient(
                .pluginFault,
                "\(ExternalPlugin.logLimit) logs of plugin \(name) are read already; end one of them"
            )
        }
        do throws(PluginRefusal) {
            started = try StartedPlugin(call, plugin.file)
        } catch {
            plugin.openLogs.withLock { $0 -= 1 }
            throw Failure.transient(.pluginMissing, "\(PluginFile.prefix)\(plugin.description.name) \(error)")
        }
    }

    /// Whole lines, or as much as fits where a line does not end.
    private func takeLines() -> [UInt8]? {
        guard let end = pending.lastIndex(of: UInt8(ascii: "\n")) else {
            guard pending.count >= Self.chunkLimit else { return nil }
            defer { pending = [] }
            return pending
        }
        let lines = Array(pending[...end])
        pending.removeSubrange(...end)
        return lines
    }

    /// Waits a little for output; what goes to standard error is dropped.
    ///
    /// - Returns: Nil at the end; empty when nothing came.
    private static func read(_ output: CInt, _ talk: CInt) -> [UInt8]? {
        var ready = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
        var buffer = [UInt8](repeating: 0, count: 4096)
        // Bounded: who floods it must not keep the other from being read.
        for _ in 0..<64 where Glibc.read(talk, &buffer, buffer.count) <= 0 { break }
        guard poll(&ready, 1, waitMilliseconds) > 0 else { return [] }
        var isEnd = false
        let chunk = [UInt8](unsafeUninitializedCapacity: chunkLimit) { bytes, count in
            let got = Glibc.read(output, bytes.baseAddress, chunkLimit)
            isEnd = got == 0
            count = max(0, got)
        }
        return isEnd ? nil : chunk
    }
}
