internal import CLinux
internal import Glibc

/// A program to start as a ``Child``, with nothing of ours but what is said here.
///
/// Signals are at their defaults, the umask is 077, and there is no way to new privileges unless it is said.
public struct ChildProgram: Sendable {
    /// Who it runs as.
    public struct User: Sendable {
        public var user: UInt32
        public var group: UInt32
        public var groups: [UInt32]

        public init(user: UInt32, group: UInt32, groups: [UInt32]) {
            self.user = user
            self.group = group
            self.groups = groups
        }
    }

    /// Where it may be, in this order; relative to the directory unless absolute.
    public var candidates: [String]
    /// The program's name first.
    public var arguments: [String]
    /// `NAME=value`.
    public var environment: [String]
    /// Absolute.
    public var directory: String
    /// Nil for ours.
    public var user: User?
    /// A bit for each, by its number; never one that we do not have.
    public var capabilities: UInt64
    /// What its standard input holds: a file in memory; where there is nothing, /dev/null.
    public var input: [UInt8] = []
    /// Whether its standard error is an output of its own, the second; else both are one.
    public var keepsErrorsApart = false
    /// Whether it may run programs with privileges of their own (set-uid).
    public var gainsPrivileges = false

    public init(
        _ candidates: [String],
        arguments: [String],
        environment: [String] = [],
        directory: String = "/",
        user: User? = nil,
        capabilities: UInt64 = .max
    ) {
        self.candidates = candidates
        self.arguments = arguments
        self.environment = environment
        self.directory = directory
        self.user = user
        self.capabilities = capabilities
    }

    /// Where programs are started: that waits until the child has become the program.
    private static let queue = BlockingQueue(label: "era.children.start")

    /// Starts it; its outputs are one, or two where errors are kept apart.
    ///
    /// - Throws: What failed, up to the exec.
    public func start() async throws(SystemError) -> Child {
        try await Self.queue.run { () throws(SystemError) in try spawn() }
    }

    private func spawn() throws(SystemError) -> Child {
        var theirs = [try inputFile()]
        var ours: [Int32] = []
        defer { for descriptor in theirs where descriptor >= 0 { close(descriptor) } }
        let process: Int32
        do throws(SystemError) {
            for _ in 0..<(keepsErrorsApart ? 2 : 1) {
                var ends: [Int32] = [-1, -1]
                guard era_probe_pipe(&ends) == 0 else { throw .last }
                ours.append(ends[0])
                theirs.append(ends[1])
            }
            process = try spawn([theirs[0], theirs[1], theirs[theirs.count - 1]])
        } catch {
            for descriptor in ours { close(descriptor) }
            throw error
        }
        return try Child(process, outputs: ours)
    }

    /// -1 where there is no input.
    private func inputFile() throws(SystemError) -> Int32 {
        guard !input.isEmpty else { return -1 }
        let file = era_spawn_memory_file("era-input", input, input.count)
        guard file >= 0 else { throw .last }
        return file
    }

    private func spawn(_ streams: [Int32]) throws(SystemError) -> Int32 {
        var process: Int32 = 0
        let groups = user?.groups ?? []
        let code = groups.withUnsafeBufferPointer { groups in
            var identity = era_probe_user()
            identity.capabilities = capabilities
            identity.gains_privileges = gainsPrivileges ? 1 : 0
            if let user {
                identity.is_set = 1
                identity.user = user.user
                identity.group = user.group
                identity.group_count = groups.count
                identity.groups = groups.baseAddress
            }
            return withCArguments(candidates) { candidates in
                withCArguments(arguments) { arguments in
                    withCArguments(environment) { environment in
                        candidates.withMemoryRebound(
                            to: UnsafePointer<CChar>?.self,
                            capacity: self.candidates.count + 1
                        ) { candidates in
                            era_probe_spawn(
                                candidates,
                                arguments,
                                environment,
                                directory,
                                &identity,
                                streams,
                                &process
                            )
                        }
                    }
                }
            }
        }
        guard code == 0 else { throw SystemError(code) }
        return process
    }

    /// What came of a program that was run.
    public struct Outcome: Hashable, Sendable {
        public var end: Child.End
        /// The start of what it wrote.
        public var output: [UInt8]
        /// Likewise of its errors, where they are kept apart.
        public var errors: [UInt8]

        public init(_ end: Child.End, output: [UInt8], errors: [UInt8] = []) {
            self.end = end
            self.output = output
            self.errors = errors
        }
    }

    /// Starts it and lets it run to its end; it ends with the task.
    ///
    /// - Parameters:
    ///   - limit: After which all of its group is killed.
    ///   - outputLimit: In bytes, of each output; what comes after is read and dropped.
    /// - Throws: What failed, up to the exec.
    public func run(within limit: Duration, outputLimit: Int) async throws(SystemError) -> Outcome {
        let child = try await start()
        let outputs = child.outputs.map { _ in Output(limit: outputLimit) }
        let end = await child.end(within: limit) { index, piece in
            outputs[index].add(piece)
            return .goOn
        }
        return Outcome(end, output: outputs[0].bytes, errors: outputs.dropFirst().first?.bytes ?? [])
    }
}
