import ERAContracts
import ERALinux
import Synchronization

/// The host's git, told to do nothing but what it is asked.
///
/// Nothing of the machine's or the user's configuration counts, no hook runs, no program is asked for a
/// password, and only one protocol may be spoken.
struct GitProgram: Sendable {
    /// How long a question to the local repository may take.
    static let askLimit = Duration.seconds(60)
    /// Bytes of the largest file that it may write: a pack.
    private static let fileLimit = 1 << 30
    /// What of its messages is kept, in bytes.
    private static let talkLimit = 16 << 10

    let path: String
    let searchPath: [String]
    /// A bare repository; need not be there yet.
    let directory: String

    /// What git said.
    struct Answer {
        let code: Int32
        let output: [UInt8]
        /// Why it failed: the first line that says so, else the last, without what controls a terminal.
        let why: String

        var text: String { String(decoding: output, as: UTF8.self) }
    }

    /// Runs it, in the repository.
    ///
    /// - Parameters:
    ///   - protocol: The only one that may be spoken; nil for none.
    ///   - outputLimit: In bytes; one who says more has failed.
    ///   - isInRepository: Whether it needs one.
    ///   - isTalking: Whether it tells of its progress: then the limit is on its silence.
    /// - Throws: ``SourceUnavailable``; `CancellationError`.
    func run(
        _ arguments: [String],
        input: [UInt8] = [],
        protocol: String? = nil,
        within limit: Duration = askLimit,
        outputLimit: Int = 1 << 20,
        isInRepository: Bool = true,
        isTalking: Bool = false
    ) async throws -> Answer {
        // The shell limits what git may write to a file, in blocks of 512 bytes, and becomes git.
        var program = ChildProgram(
            ["/bin/sh"],
            arguments: ["sh", "-c", "ulimit -f \(Self.fileLimit / 512) && exec \"$0\" \"$@\"", path]
                + (isInRepository ? ["--git-dir=\(directory)"] : []) + Self.settings
                + arguments,
            environment: environment(`protocol`)
        )
        program.input = input
        program.keepsErrorsApart = true
        let child: Child
        do {
            child = try await program.start()
        } catch {
            throw SourceUnavailable("cannot run \(path): \(error.text)")
        }
        let output = Output(limit: outputLimit)
        let talk = Mutex<[UInt8]>([])
        let end = await child.end(within: limit) { index, piece in
            guard index > 0 else { return output.add(piece) ? .goOn : .stop }
            // The end of it: what came before is how far it had come.
            talk.withLock { $0 = ($0 + piece).suffix(Self.talkLimit) }
            return isTalking ? .isAlive : .goOn
        }
        let verb = arguments.first ?? ""
        switch end {
        case .code(let code):
            return Answer(code: code, output: output.bytes, why: Self.why(talk.withLock { $0 }))
        case .signal(let signal): throw SourceUnavailable("git \(verb) was killed by signal \(signal)")
        case .timedOut: throw SourceUnavailable("git \(verb) took longer than \(limit), and was killed")
        case .stopped: throw SourceUnavailable("git \(verb) said more than \(outputLimit) bytes")
        case .cancelled: throw CancellationError()
        }
    }

    private static let settings = [
        "core.hooksPath=/dev/null", "core.fsmonitor=false", "core.attributesFile=/dev/null", "gc.auto=0",
        "submodule.recurse=false", "fetch.recurseSubmodules=false", "credential.helper=",
        "transfer.fsckObjects=true", "http.lowSpeedLimit=1000", "http.lowSpeedTime=30",
    ].flatMap { ["-c", $0] }

    private func environment(_ protocol: String?) -> [String] {
        [
            "PATH=\(searchPath.joined(separator: ":"))", "LC_ALL=C.UTF-8", "HOME=\(directory)",
            "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_ATTR_NOSYSTEM=1",
            "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=/bin/false", "GIT_NO_REPLACE_OBJECTS=1",
            "GIT_OPTIONAL_LOCKS=0",
            "GIT_ALLOW_PROTOCOL=\(`protocol` ?? "none")", "GIT_PROTOCOL_FROM_USER=0",
            "GIT_SSH_COMMAND=ssh -oBatchMode=yes -oStrictHostKeyChecking=yes -oClearAllForwardings=yes "
                + "-oControlMaster=no -oControlPath=none -oConnectTimeout=20 -oServerAliveInterval=15",
            "GIT_SSH_VARIANT=ssh",
        ]
    }

    private static func why(_ bytes: [UInt8]) -> String {
        let text = String(decoding: bytes, as: UTF8.self)
        let lines = text.split { $0.isNewline }.filter { !$0.allSatisfy(\.isWhitespace) }
        // The first that says why; what follows gives advice to somebody at a keyboard.
        let why = lines.first { $0.hasPrefix("fatal: ") || $0.hasPrefix("error: ") } ?? lines.last ?? ""
        let plain = why.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : String($0) }
        return String(plain.joined().prefix(300))
    }
}
