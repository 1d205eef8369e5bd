public import ERAContracts
public import ERACore
internal import ERALinux
internal import Synchronization

/// What a process of ours says that unpacks layers in a user namespace, which alone knows their owners.
public enum UnpackReport: Hashable, Sendable {
    case progress(StepProgress)
    /// The last line, where it did not succeed.
    case failed(Failure)

    /// One line, without its end.
    public var line: String {
        switch self {
        case .progress(let progress):
            progress.isQueued
                ? "queued" : "progress \(progress.done.bytes) \(progress.total?.bytes ?? progress.done.bytes)"
        case .failed(let failure):
            "failed \(failure.persistence.rawValue) \(failure.code) "
                + failure.message.split(separator: "\n").joined(separator: " ")
        }
    }

    /// Reads a line; nil for any other.
    public init?(line: String) {
        let words = line.split(separator: " ", maxSplits: 3).map(String.init)
        switch words.first {
        case "queued": self = .progress(.queued)
        case "progress":
            guard words.count == 3, let done = Int64(words[1]), let total = Int64(words[2]) else {
                return nil
            }
            self = .progress(StepProgress(done: ByteCount(done), total: ByteCount(total)))
        case "failed":
            guard words.count == 4, let persistence = Failure.Persistence(rawValue: words[1]) else {
                return nil
            }
            self = .failed(Failure(Failure.Code(rawValue: words[2]), words[3], persistence))
        default: return nil
        }
    }
}

/// What such a process is to unpack: its arguments after the verb.
public struct UnpackRequest: Hashable, Sendable {
    /// The first argument of the program.
    public static let verb = "unpack-layers"

    public var layers: [ImageLayer]
    /// What it is to make.
    public var directory: String
    /// How many there are, root among them: files of others become root's.
    public var userCount: UInt32
    public var groupCount: UInt32

    public init(_ layers: [ImageLayer], into directory: String, userCount: UInt32, groupCount: UInt32) {
        self.layers = layers
        self.directory = directory
        self.userCount = userCount
        self.groupCount = groupCount
    }

    /// The directory, users and groups, then path, size and digest of each layer.
    public var arguments: [String] {
        [directory, String(userCount), String(groupCount)]
            + layers.flatMap { [$0.path, String($0.size.bytes), "\($0.diffID)"] }
    }

    /// Reads arguments; nil for any others.
    public init?(arguments: some Collection<String>) {
        let words = Array(arguments)
        guard words.count >= 3, words.count % 3 == 0, let users = UInt32(words[1]),
            let groups = UInt32(words[2])
        else { return nil }
        var layers: [ImageLayer] = []
        for index in stride(from: 3, to: words.count, by: 3) {
            // What is no digest makes it no request.
            guard let size = Int64(words[index + 1]), let diffID = try? Digest(words[index + 2]) else {
                return nil
            }
            layers.append(ImageLayer(path: words[index], size: ByteCount(size), diffID: diffID))
        }
        self.init(layers, into: words[0], userCount: users, groupCount: groups)
    }
}

extension UserNamespace {
    /// How long an image may take to be unpacked.
    static let unpackLimit = Duration.seconds(3600)

    /// Has layers unpacked by a process of the namespace.
    ///
    /// - Parameter program: The words that begin it; the request's follow.
    /// - Throws: ``Failure``, `CancellationError`.
    func unpack(
        _ request: UnpackRequest,
        by program: [String],
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws {
        var child = ChildProgram(
            [shimPath],
            arguments: prefix() + program + request.arguments,
            environment: ["LANG=C.UTF-8"]
        )
        child.gainsPrivileges = true
        let running: Child
        do {
            running = try await child.start()
        } catch {
            let why = error.text + remedy(error.code)
            throw Failure.transient(.startFailed, "cannot run \(shimPath): \(why)")
        }
        let lines = Mutex((splitter: LineSplitter(), failure: Failure?.none))
        let end = await running.end(within: Self.unpackLimit) { _, bytes in
            let reports = lines.withLock { lines in
                let reports = lines.splitter.add(bytes).compactMap { UnpackReport(line: $0) }
                for case .failed(let failure) in reports { lines.failure = failure }
                return reports
            }
            for case .progress(let step) in reports { progress(step) }
            return .goOn
        }
        switch end {
        case .code(0): return
        case .cancelled, .stopped: throw CancellationError()
        case .code, .signal, .timedOut:
            let (said, last) = lines.withLock { ($0.failure, $0.splitter.last) }
            throw said
                ?? .transient(
                    .fileSystemError,
                    "what was to unpack the image ended by \(end)\(last.isEmpty ? "" : ": \(last)")"
                )
        }
    }
}
