internal import ERAContracts
internal import ERACore
internal import ERALinux
internal import Glibc

/// The file of an instance's module, below its unpacked files. Its calls block.
struct WasmFile {
    /// Relative to the unpacked files.
    let name: String
    /// Absolute.
    private let files: String

    private var path: String { "\(files)/\(name)" }

    /// Finds the module; one of the host is copied, so that a revision stays what it is.
    ///
    /// - Throws: ``Failure``: `CommandMissing` when there is none, or when it is not clear which.
    init(_ instance: PreparedInstance, files: String, searchPath: [String]) throws {
        self.files = files
        let command = instance.spec.command.first
        if instance.spec.artifact == nil, instance.artifact == nil {
            name = try Self.copy(command ?? "", to: files, searchPath)
        } else if let command {
            guard let contained = containedPath(command) else {
                throw Failure.permanent(.invalidSpec, "spec.command leads out of the artifact")
            }
            name = contained
        } else {
            name = try Self.only(files)
        }
        let missing = "there is no module \(name) in the artifact; correct spec.command"
        try Self.requireInside(files, name, orElse: .permanent(.commandMissing, missing))
        // A user other than the daemon's reads it as well.
        chmod("\(files)/\(name)", 0o644)
    }

    /// A link in an archive may lead anywhere; what it leads to is not ours to touch.
    private static func requireInside(
        _ files: String,
        _ name: String,
        orElse missing: Failure
    ) throws {
        func resolved(_ path: String) throws -> String {
            guard let text = realpath(path, nil) else {
                guard errno == ENOENT || errno == ENOTDIR else { throw failure("look at", path) }
                throw missing
            }
            defer { free(text) }
            return String(cString: text)
        }
        guard try resolved("\(files)/\(name)").hasPrefix(try resolved(files) + "/") else {
            throw Failure.permanent(.moduleRefused, "\(name) leads out of the artifact by a link")
        }
    }

    /// - Throws: ``Failure`` where a path is no directory of the artifact.
    func requireDirectories(_ paths: [String]) throws {
        for path in paths {
            let missing = Failure.permanent(
                .invalidSpec,
                "spec.runtime.config.files: there is no directory \(path) in the artifact; correct the path"
            )
            try Self.requireInside(files, path, orElse: missing)
            var status = stat()
            guard stat("\(files)/\(path)", &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
                throw missing
            }
        }
    }

    /// The single file of an artifact, or the one module at its root.
    private static func only(_ files: String) throws -> String {
        let names = try allNamesInDirectory(files).filter { !$0.hasPrefix(".") }.sorted()
        let modules = names.filter { $0.hasSuffix(".wasm") }
        if let name = modules.first, modules.count == 1 { return name }
        if let name = names.first, names.count == 1 { return name }
        let found = modules.isEmpty ? "no file at its root is called .wasm" : modules.joined(separator: ", ")
        throw Failure.permanent(
            .commandMissing,
            "which module of the artifact is to run? (\(found)); name it in spec.command"
        )
    }

    private static func copy(_ command: String, to files: String, _ searchPath: [String]) throws -> String {
        let candidates = command.hasPrefix("/") ? [command] : searchPath.map { "\($0)/\(command)" }
        guard let source = candidates.first(where: { access($0, F_OK) == 0 }) else {
            let place = command.hasPrefix("/") ? "on this host" : "in the PATH of era daemon"
            throw Failure.permanent(.commandMissing, "there is no module \(command) \(place)")
        }
        let name = String(source.split(separator: "/").last ?? "module.wasm")
        guard access("\(files)/\(name)", F_OK) != 0 else { return name }
        let (descriptor, size) = try open(source)
        defer { close(descriptor) }
        let new = "\(files)/.era-new"
        unlink(new)
        let target = Glibc.open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard target >= 0 else { throw failure("make", new) }
        defer { close(target) }
        var left = size
        while left > 0 {
            let count = sendfile(target, descriptor, nil, left)
            guard count > 0 else { throw failure("copy the module to", new) }
            left -= count
        }
        guard rename(new, "\(files)/\(name)") == 0 else {
            throw failure("rename a file to", "\(files)/\(name)")
        }
        return name
    }

    private static func open(_ path: String) throws -> (descriptor: Int32, size: Int) {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            guard errno == ENOENT || errno == ENOTDIR else { throw failure("read", path) }
            throw Failure.permanent(.commandMissing, "there is no module \(path); correct spec.command")
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw Failure.permanent(.moduleRefused, "\(path) is not a file")
        }
        guard status.st_size <= WasmPlugin.moduleSizeLimit else {
            close(descriptor)
            throw Failure.permanent(.moduleRefused, "\(path) is larger than 1Gi; no module is")
        }
        return (descriptor, Int(status.st_size))
    }

    // MARK: Checks

    /// Reads the module's sections and says what keeps it from running.
    ///
    /// - Throws: ``Failure`` `ModuleRefused`.
    func check(for engine: WasmEngine, memoryLimit: ByteCount?) throws {
        let (descriptor, size) = try Self.open(path)
        defer { close(descriptor) }
        let module: WasmModule
        do {
            module = try WasmModule(size: size) { range in
                var bytes = [UInt8](repeating: 0, count: range.count)
                guard pread(descriptor, &bytes, range.count, off_t(range.lowerBound)) == range.count else {
                    throw failure("read", path)
                }
                return bytes
            }
            if let problem = module.problem { throw problem }
        } catch let problem as WasmModule.Problem {
            throw Failure.permanent(.moduleRefused, "\(name) \(problem)")
        }
        let missing = Set(module.imports.map(\.name)).intersection(engine.missing).sorted()
        if !missing.isEmpty {
            throw Failure.permanent(
                .moduleRefused,
                "\(name) uses \(missing.joined(separator: ", ")), which \(engine.shown) does not have: where it "
                    + "means to wait it would not; install wasmtime"
            )
        }
        if let memoryLimit, module.initialMemory > memoryLimit.bytes {
            throw Failure.permanent(
                .moduleRefused,
                "\(name) needs \(module.initialMemory) bytes of memory to begin with, and "
                    + "spec.resources.limits.memory is \(memoryLimit)"
            )
        }
    }

    /// Has the engine compile the module.
    ///
    /// - Returns: The result, relative to the unpacked files, under the module's name in another directory:
    ///   a module knows the name that it was started by.
    /// - Throws: ``Failure``, and `CancellationError`.
    func precompile(_ engine: WasmEngine, searchPath: [String]) async throws -> String {
        let directory = "\(files)/\(WasmPlugin.compiledName)"
        guard mkdir(directory, 0o755) == 0 || errno == EEXIST else {
            throw failure("make the directory", directory)
        }
        chmod(directory, 0o755)
        let base = name.split(separator: "/").last.map(String.init) ?? name
        let result = "\(WasmPlugin.compiledName)/\(base)"
        let outcome = try await HostTool(engine.path, searchPath: searchPath).run(
            engine.compileArguments(name, into: result),
            in: files,
            within: WasmPlugin.compileLimit
        )
        guard outcome.status.isSuccess else {
            let text = outcome.output.split { $0.isNewline }.first.map { ": \($0.prefix(500))" } ?? ""
            throw Failure.permanent(
                .moduleRefused,
                "\(engine.shown) cannot compile \(name) (\(outcome.status))\(text)"
            )
        }
        chmod("\(files)/\(result)", 0o644)
        return result
    }
}
