internal import ERAContracts
internal import ERACore
internal import ERAManifest

/// What each verb answers, read from the bytes that a plugin wrote.
enum PluginAnswer {
    static let problemLimit = 100
    static let restrictionLimit = 16
    static let detailLimit = 32
    /// In bytes of JSON.
    static let payloadLimit = 64 << 10
    static let argumentLimit = 64
    static let variableLimit = 1024

    /// Whether artifacts are unpacked for a plugin.
    enum ArtifactForm: String { case files, blob }

    static func description(
        _ answer: [UInt8],
        of name: PluginName
    ) throws(Garbage) -> (description: PluginDescription, schema: ConfigSchema, form: ArtifactForm) {
        var reader = try AnswerReader(answer: answer)
        let called = try AnswerReader.required(try reader.text("name"), "name")
        guard called == name.rawValue else {
            throw Garbage("name is \(called.prefix(64)), and the file is era-plugin-\(name)")
        }
        let text = try AnswerReader.required(try reader.text("version"), "version")
        let version: SemanticVersion
        do throws(InvalidValue) {
            version = try SemanticVersion(text)
        } catch {
            throw Garbage("version is no semantic version, such as 1.0.0")
        }
        var capabilities: Set<PluginDescription.Capability> = []
        for word in try reader.texts("capabilities", most: 64) {
            guard let capability = PluginDescription.Capability(rawValue: word) else {
                let known = PluginDescription.Capability.allCases.map(\.rawValue).joined(separator: ", ")
                throw Garbage("\(word.prefix(64)) is no capability; there are: \(known)")
            }
            capabilities.insert(capability)
        }
        let declared = try AnswerReader.required(reader.value("configSchema"), "configSchema")
        let schema: ConfigSchema
        do throws(InvalidConfigSchema) {
            schema = try ConfigSchema(declared)
        } catch {
            throw Garbage("\(error)")
        }
        let word = try reader.text("artifactForm") ?? ArtifactForm.files.rawValue
        guard let form = ArtifactForm(rawValue: word) else {
            throw Garbage("artifactForm is neither files nor blob")
        }
        let details = try reader.textMap("details", most: detailLimit)
        try reader.finish()
        let description = PluginDescription(
            name: name,
            version: version,
            capabilities: capabilities,
            configSchema: schema.schema,
            details: details
        )
        return (description, schema, form)
    }

    static func problems(_ answer: [UInt8]) throws(Garbage) -> [SpecProblem] {
        var reader = try AnswerReader(answer: answer)
        var problems: [SpecProblem] = []
        for var problem in try reader.objects("problems", most: problemLimit) {
            problems.append(
                SpecProblem(
                    field: try AnswerReader.required(try problem.message("field"), "field of a problem"),
                    message: try AnswerReader.required(try problem.message("message"), "message of a problem")
                )
            )
            try problem.finish()
        }
        try reader.finish()
        return problems
    }

    static func handle(_ answer: [UInt8]) throws(Garbage) -> InstanceHandle {
        var reader = try AnswerReader(answer: answer)
        var handle = try AnswerReader.required(try reader.object("handle"), "handle")
        let version = try AnswerReader.required(
            try handle.integer("version", in: 0...1_000_000),
            "handle.version"
        )
        let payload = handle.value("payload") ?? .object([:])
        guard payload.utf8Text(pretty: false).count <= payloadLimit else {
            throw Garbage(
                "handle.payload has more than \(payloadLimit >> 10) KiB; keep a file in the directory"
            )
        }
        try handle.finish()
        try reader.finish()
        return InstanceHandle(version: Int(version), payload: payload)
    }

    /// Of a verb that only says that it is done.
    static func done(_ answer: [UInt8]) throws(Garbage) { try AnswerReader(answer: answer).finish() }

    /// - Parameter startOf: When a process started; nil where there is none.
    static func status(
        _ answer: [UInt8],
        startOf: (Int32) -> Uptime?
    ) throws(Garbage) -> InstanceStatus {
        var reader = try AnswerReader(answer: answer)
        let state = try AnswerReader.required(try reader.text("state"), "state")
        let status: InstanceStatus
        switch state {
        case "absent": status = .absent
        case "installed": status = .installed
        case "stopping": status = .stopping
        case "running": status = .running(try running(&reader, startOf))
        case "exited": status = .exited(try exited(&reader))
        default:
            throw Garbage(
                "state is \(state.prefix(64)); there are: absent, installed, running, exited, stopping"
            )
        }
        try reader.finish()
        return status
    }

    private static func running(
        _ reader: inout AnswerReader,
        _ startOf: (Int32) -> Uptime?
    ) throws(Garbage) -> InstanceStatus.Running {
        let pid = try reader.integer("pid", in: 1...Int64(Int32.max)).map { Int32($0) }
        var startedAt = try uptime(&reader, "startedAtUptime")
        if let pid, startedAt == nil {
            guard let start = startOf(pid) else {
                throw Garbage("state is running with pid \(pid), and there is no such process")
            }
            startedAt = start
        }
        return InstanceStatus.Running(
            pid: pid,
            startedAt: startedAt ?? Uptime(sinceBoot: .zero),
            isHealthy: try reader.boolean("healthy"),
            restrictions: try reader.texts("restrictions", most: restrictionLimit)
        )
    }

    private static func exited(_ reader: inout AnswerReader) throws(Garbage) -> InstanceStatus.Exited {
        let code = try reader.integer("exitCode", in: 0...255)
        let signal = try reader.integer("signal", in: 1...64)
        guard code == nil || signal == nil else { throw Garbage("there is an exitCode and a signal") }
        let status: ExitStatus =
            code.map { .code(Int32($0)) } ?? signal.map { .signal(Int32($0)) } ?? .unknown
        return InstanceStatus.Exited(status: status, at: try uptime(&reader, "endedAtUptime"))
    }

    private static func uptime(_ reader: inout AnswerReader, _ name: String) throws(Garbage) -> Uptime? {
        try reader.number(name, in: 0...1e9).map { Uptime(sinceBoot: .seconds($0)) }
    }

    static func probeEnvironment(_ answer: [UInt8]) throws(Garbage) -> ProbeEnvironment {
        var reader = try AnswerReader(answer: answer)
        let environment = ProbeEnvironment(
            workingDirectory: try reader.text("workingDirectory") ?? "/",
            variables: try reader.textMap("environment", most: variableLimit).mapValues { SecretText($0) },
            user: try reader.text("user"),
            commandPrefix: try reader.texts("commandPrefix", most: argumentLimit)
        )
        try reader.finish()
        return environment
    }

    /// Why a call failed, where it says so; nil where standard output says nothing of the kind.
    static func error(_ answer: [UInt8], _ persistence: Failure.Persistence) throws(Garbage) -> Failure? {
        guard !answer.isEmpty else { return nil }
        var reader = try AnswerReader(answer: answer)
        guard var error = try reader.object("error") else { return nil }
        let message = try AnswerReader.required(try error.message("message"), "error.message")
        let code = try error.text("code") ?? Failure.Code.pluginFault.rawValue
        guard isWord(code) else { throw Garbage("error.code is not one CamelCase word") }
        let after = try error.number("retryAfterSeconds", in: 0...86_400)
        try error.finish()
        try reader.finish()
        return Failure(
            Failure.Code(rawValue: code),
            message,
            persistence,
            retryAfter: after.map { .seconds($0) }
        )
    }

    private static func isWord(_ text: String) -> Bool {
        guard let first = text.utf8.first, (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(first) else {
            return false
        }
        return text.utf8.count <= 64
            && text.utf8.allSatisfy { Character(Unicode.Scalar($0)).isLetter || (0x30...0x39).contains($0) }
            && text.utf8.allSatisfy { $0 < 0x80 }
    }
}
