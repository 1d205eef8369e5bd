import AsyncAlgorithms
import ERAAPI
import ERACore
import HummingbirdCore
import NIOCore

/// A response body that goes on until its source, its client, its time or the server ends it.
struct StreamBody: Sendable {
    /// What makes the stream write or end.
    enum Signal<Element: Sendable>: Sendable {
        case element(Element)
        /// Nothing happened for an interval.
        case tick
        case end
    }

    let channel: any Channel
    let place: OpenStreams.Place
    /// How long a reader may leave what is written unread before its connection is closed.
    let stallTimeLimit: Duration
    /// Between ticks; nil for none.
    var tickInterval: Duration?
    /// When the stream ends in any case; nil for never.
    var timeLimit: Duration?

    /// The body that writes `head`, then what `write` makes of each signal.
    func body<Source: AsyncSequence & Sendable>(
        head: [ByteBuffer],
        _ source: Source,
        write: @escaping @Sendable (Signal<Source.Element>) -> ByteBuffer?
    ) -> ResponseBody where Source.Element: Sendable {
        ResponseBody { writer in
            for buffer in head { try await self.write(buffer, to: &writer) }
            let (control, ending) = AsyncStream<Signal<Source.Element>>.makeStream(
                bufferingPolicy: .bufferingNewest(1)
            )
            let timers = schedule(ending)
            defer { timers.forEach { $0() } }
            try await withTaskCancellationHandler {
                // The end of the source ends the stream, whatever the timers have still to say.
                let elements = chain(source.map { Signal.element($0) }, [Signal.end].async)
                for try await signal in merge(elements, control) {
                    if case .end = signal { break }
                    if let buffer = write(signal) { try await self.write(buffer, to: &writer) }
                }
            } onCancel: {
                ending.yield(.end)
                ending.finish()
            }
            try await writer.finish(nil)
        }
    }

    /// Writes, and closes the connection if the reader does not take it in time.
    private func write(_ buffer: ByteBuffer, to writer: inout any ResponseBodyWriter) async throws {
        let channel = channel
        let watchdog = channel.eventLoop.scheduleTask(in: TimeAmount(stallTimeLimit)) {
            channel.close(promise: nil)
        }
        defer { watchdog.cancel() }
        try await writer.write(buffer)
    }

    /// - Returns: What cancels the timers.
    private func schedule<Element>(_ ending: AsyncStream<Signal<Element>>.Continuation) -> [() -> Void] {
        let end: @Sendable () -> Void = {
            ending.yield(.end)
            ending.finish()
        }
        channel.closeFuture.whenComplete { _ in end() }
        place.onClose(end)
        var cancels: [() -> Void] = []
        if let tickInterval {
            let amount = TimeAmount(tickInterval)
            let ticks = channel.eventLoop.scheduleRepeatedTask(initialDelay: amount, delay: amount) { _ in
                ending.yield(.tick)
            }
            cancels.append { ticks.cancel() }
        }
        if let timeLimit {
            let timer = channel.eventLoop.scheduleTask(in: TimeAmount(timeLimit), end)
            cancels.append { timer.cancel() }
        }
        return cancels
    }
}

extension ByteBuffer {
    /// One line of a watch.
    init(line value: JSONValue) { self.init(bytes: JSONText.write(value) + [UInt8(ascii: "\n")]) }
}
