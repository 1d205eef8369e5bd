internal import ERACore
internal import ERALinux
internal import Synchronization

/// One call of a plugin's executable: what goes in.
struct PluginCall: Sendable {
    /// The most bytes of an answer.
    static let answerLimit = 1 << 20

    var verb: String
    /// The whole of standard input. Secrets are in it: it is never written to a file that has a name.
    var input: [UInt8]
    /// `NAME=value`.
    var environment: [String]
    /// Where it runs; `/` where that is not there.
    var directory: String
    var timeout: Duration

    /// How a call ended.
    enum End: Hashable, Sendable {
        case code(Int32)
        case signal(Int32)
        case timedOut
        /// It wrote more than the limit.
        case flooded
        case cancelled
        /// It was not started: why, as the end of a sentence about the plugin.
        case refused(String)

        init(_ end: Child.End) {
            switch end {
            case .code(let code): self = .code(code)
            case .signal(let signal): self = .signal(signal)
            case .timedOut: self = .timedOut
            case .stopped: self = .flooded
            case .cancelled: self = .cancelled
            }
        }
    }

    /// What came of a call. All that was in its process group is dead.
    struct Outcome: Sendable {
        var end: End
        var output: [UInt8] = []
        /// The last line on standard error; empty where there was none.
        var lastLine = ""
    }

    /// - Parameter talk: Told each line of standard error. Whether it is a sign of life is what it returns.
    func run(_ file: PluginFile, talk: @escaping @Sendable (String) -> Bool) async -> Outcome {
        let child: Child
        do throws(PluginRefusal) {
            child = try await start(file)
        } catch {
            return Outcome(end: .refused(error.description))
        }
        let answer = Output(limit: Self.answerLimit)
        let lines = Mutex(LineSplitter())
        let end = await child.end(within: timeout) { output, piece in
            if output == Self.answerOutput { return answer.add(piece) ? .goOn : .stop }
            // All of them, whichever is the sign.
            let signs = lines.withLock { $0.add(piece) }.filter(talk)
            return signs.isEmpty ? .goOn : .isAlive
        }
        for line in lines.withLock({ $0.end() }) { _ = talk(line) }
        return Outcome(end: End(end), output: answer.bytes, lastLine: lines.withLock(\.last))
    }
}
