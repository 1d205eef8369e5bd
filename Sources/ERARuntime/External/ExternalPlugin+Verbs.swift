public import ERAContracts
public import ERACore
internal import ERALinux
internal import Glibc

extension ExternalPlugin {
    /// The schema first: what it refuses, the plugin is not asked about.
    public func validate(_ spec: DeploymentSpec) async throws -> [SpecProblem] {
        let problems = schema.problems(spec.runtime.config)
        guard problems.isEmpty else { return problems }
        return try await questions.withPermit {
            let answer = try await caller.call(.validate(spec), timeout: options.timeouts.validate)
            return try caller.read(PluginAnswer.problems)(answer)
        }
    }

    /// Unpacks the artifact; the plugin is not asked, since it may not know that another revision serves.
    public func stage(
        _ instance: PreparedInstance,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws {
        let directory = directory(instance.id)
        guard mkdir(directory, 0o700) == 0 || errno == EEXIST else {
            throw Failure.system("make the directory", directory)
        }
        guard let artifact = instance.artifact, let files = files(of: instance) else { return }
        try await options.unpacker.unpack(
            artifact.path,
            name: artifact.name,
            format: instance.spec.artifact?.format ?? .auto,
            into: files,
            progress: progress
        )
    }

    public func install(
        _ instance: PreparedInstance,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws -> InstanceHandle {
        try await stage(instance, progress: progress)
        let directory = directory(instance.id)
        return try await effects.withPermit {
            let answer = try await caller.call(
                .whole("install", instance, directory: directory, files: files(of: instance)),
                about: (instance.id, directory),
                timeout: options.timeouts.install,
                progress: progress
            )
            return try caller.read(PluginAnswer.handle)(answer)
        }
    }

    public func start(_ instance: PreparedInstance, handle: InstanceHandle) async throws {
        let directory = directory(instance.id)
        try await effects.withPermit {
            let answer = try await caller.call(
                .whole("start", instance, directory: directory, files: files(of: instance), handle: handle),
                about: (instance.id, directory),
                timeout: options.timeouts.start
            )
            try caller.read(PluginAnswer.done)(answer)
        }
    }

    public func status(_ id: InstanceID) async throws -> InstanceStatus {
        let directory = directory(id)
        let status = try await questions.withPermit {
            let answer = try await caller.call(
                .about("status", id, directory: directory),
                about: (id, directory),
                timeout: options.timeouts.status
            )
            return try caller.read { bytes throws(Garbage) in
                try PluginAnswer.status(bytes, startOf: Uptime.init(startOf:))
            }(answer)
        }
        watches.note(status, of: id)
        return status
    }

    public func stop(_ id: InstanceID, _ stop: StopSpec) async throws {
        let directory = directory(id)
        try await effects.withPermit {
            let answer = try await caller.call(
                .stop(id, stop, directory: directory),
                about: (id, directory),
                timeout: options.timeouts.stop + stop.grace
            )
            try caller.read(PluginAnswer.done)(answer)
        }
        watches.note(.installed, of: id)
    }

    public func delete(_ id: InstanceID) async throws {
        let directory = directory(id)
        try await effects.withPermit {
            let answer = try await caller.call(
                .about("delete", id, directory: directory),
                about: (id, directory),
                timeout: options.timeouts.delete
            )
            try caller.read(PluginAnswer.done)(answer)
        }
        watches.note(.absent, of: id)
        guard access(instanceDirectory(id), F_OK) == 0 else {
            // Only that it is not there says that there is nothing to remove.
            if errno == ENOENT || errno == ENOTDIR { return }
            throw Failure.system("look at", instanceDirectory(id))
        }
        try Folder(root: instanceDirectory(id)).remove(directoryName)
    }

    public func probeEnvironment(_ instance: PreparedInstance) async throws -> ProbeEnvironment {
        guard description.capabilities.contains(.execProbe) else {
            throw Failure.permanent(.unsupported, "plugin \(description.name) does not support exec probes")
        }
        let directory = directory(instance.id)
        return try await questions.withPermit {
            let answer = try await caller.call(
                .whole("probe", instance, directory: directory, files: files(of: instance)),
                about: (instance.id, directory),
                timeout: options.timeouts.probe
            )
            return try caller.read(PluginAnswer.probeEnvironment)(answer)
        }
    }

    public func instances() async throws -> [InstanceID] {
        try instanceDirectories(below: options.dataDirectory).filter { access(directory($0), F_OK) == 0 }
    }

    public func changes() -> AsyncStream<InstanceID> { watches.changes() }

    /// Where the artifact is unpacked; nil where there is none, or the plugin wants it as it is.
    func files(of instance: PreparedInstance) -> String? {
        guard form == .files, instance.artifact?.content == .file else { return nil }
        return "\(directory(instance.id))/files"
    }
}

extension Uptime {
    /// When a process of this machine started; nil where there is none of that number.
    init?(startOf pid: Int32) {
        guard let stat = ProcessStat(pid: pid), !stat.hasEnded else { return nil }
        let ticks = Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
        self.init(sinceBoot: .seconds(Double(stat.startTime) / ticks))
    }
}
