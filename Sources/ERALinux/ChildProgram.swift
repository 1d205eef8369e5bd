internal import CLinux
internal import Glibc

/// A program to start as a ``Child``, with nothing of ours but what is said here.
///
/// Its standard input is empty, both outputs are one; signals are at their defaults, the umask is 077, and
/// there is no way to new privileges.
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

    /// Starts it; its one output is both of the program's.
    ///
    /// - Throws: What failed, up to the exec.
    public func start() async throws(SystemError) -> Child {
        try await Self.queue.run { () throws(SystemError) in try spawn() }
    }

    private func spawn() throws(SystemError) -> Child {
        var ends: [Int32] = [-1, -1]
        guard era_probe_pipe(&ends) == 0 else { throw .last }
        var process: Int32 = 0
        let groups = user?.groups ?? []
        let code = groups.withUnsafeBufferPointer { groups in
            var identity = era_probe_user()
            identity.capabilities = capabilities
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
                                ends[1],
                                &process
                            )
                        }
                    }
                }
            }
        }
        close(ends[1])
        guard code == 0 else {
            close(ends[0])
            throw SystemError(code)
        }
        return try Child(process, outputs: [ends[0]])
    }

    /// What came of a program that was run.
    public struct Outcome: Hashable, Sendable {
        public var end: Child.End
        /// The start of what it wrote.
        public var output: [UInt8]

        public init(_ end: Child.End, output: [UInt8]) {
            self.end = end
            self.output = output
        }
    }

    /// Starts it and lets it run to its end; it ends with the task.
    ///
    /// - Parameters:
    ///   - limit: After which all of its group is killed.
    ///   - outputLimit: In bytes; what comes after is read and dropped.
    /// - Throws: What failed, up to the exec.
    public func run(within limit: Duration, outputLimit: Int) async throws(SystemError) -> Outcome {
        let child = try await start()
        let output = Output(limit: outputLimit)
        let end = await child.end(within: limit) { _, piece in
            output.add(piece)
            return .goOn
        }
        return Outcome(end, output: output.bytes)
    }
}
