public import ERAContracts
public import ERACore
internal import ERALinux
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
    private var started: Child?
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
        Task { await Self.end(started, within: .zero, of: plugin) }
    }

    /// The next whole lines; nil at the end, and when the reader is cancelled.
    ///
    /// - Throws: ``Failure``.
    func next() async throws -> [UInt8]? {
        if started == nil, !isAtEnd { try await begin() }
        while !isAtEnd, let started {
            guard !Task.isCancelled else { return nil }
            guard isFollowing || .now < deadline else {
                throw Failure.transient(
                    .timeout,
                    "the logs of plugin \(plugin.description.name) took too long"
                )
            }
            let chunk = await plugin.logQueue.run { Self.read(started.outputs[0], started.outputs[1]) }
            guard let chunk else {
                isAtEnd = true
                try await finish(started)
                break
            }
            pending += chunk
            if let lines = takeLines() { return lines }
        }
        defer { pending = [] }
        return pending.isEmpty ? nil : pending
    }

    /// - Throws: ``Failure``: it says with its exit code that it failed.
    private func finish(_ ended: Child) async throws {
        started = nil
        let end = await Self.end(ended, within: .seconds(1), of: plugin)
        guard case .code(let code) = end, code != 0 else { return }
        let name = "\(PluginFile.prefix)\(plugin.description.name)"
        throw Failure.permanent(.pluginFault, "\(name) logs failed with exit code \(code)")
    }

    /// Waits a little for the end, and kills what is left.
    @discardableResult
    private static func end(
        _ started: Child,
        within limit: Duration,
        of plugin: ExternalPlugin
    ) async -> Child.End {
        let end = await started.end(within: limit) { _, _ in .goOn }
        plugin.openLogs.withLock { $0 -= 1 }
        return end
    }

    private func begin() async throws {
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
            started = try await call.start(plugin.file)
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
