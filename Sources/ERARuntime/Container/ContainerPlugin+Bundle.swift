internal import ERAContracts
internal import ERACore
internal import ERAManifest
internal import ERAOCI
internal import Glibc
internal import CLinux

extension ContainerPlugin {
    /// What is run, where and by whom.
    struct Words: Sendable {
        var arguments: [String]
        var workingDirectory: String
        var user: ContainerUser
        var environment: [(name: String, value: String)]
    }

    /// Puts together what manifest and image say.
    ///
    /// - Parameters:
    ///   - root: Where the image's own files are, for its users.
    ///   - namespace: Where it is to run; nil for root.
    /// - Throws: ``Failure`` `CommandMissing`, `UserMissing`, or the file system's.
    func words(
        _ instance: PreparedInstance,
        _ image: ImageConfig,
        root: String,
        in namespace: UserNamespace?
    ) throws -> Words {
        let spec = instance.spec
        let arguments: [String]
        do throws(OCIError) {
            arguments = try image.arguments(command: spec.command, args: spec.args)
        } catch {
            throw Failure.permanent(.commandMissing, "\(error)")
        }
        let accounts = try accounts(root)
        var user: ContainerUser
        do throws(OCIError) {
            user = try accounts.resolve(spec.user ?? image.user)
        } catch {
            throw Failure.permanent(.userMissing, "\(error)")
        }
        if let namespace { user = try namespace.resolve(user) }
        let own = [
            ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), ("HOME", user.home),
        ]
        // Their number, and for whom they are, is the engine's to say: it hands them on.
        let sockets = ShimWorkloads.sockets(spec).map(\.name).joined(separator: ":")
        let imageNames = Set(image.environment.compactMap { $0.split(separator: "=").first.map(String.init) })
        return Words(
            arguments: arguments,
            workingDirectory: image.workingDirectory(spec.workingDirectory),
            user: user,
            environment: image.environment([
                own.filter { !imageNames.contains($0.0) },
                workloads.identity(instance), portVariables(spec),
                instance.environment.map { ($0.name, $0.value.revealed) },
                sockets.isEmpty ? [] : [("LISTEN_FDNAMES", sockets)],
                // By this what the shim lost is found again.
                [(ProcessCensus.variable, workloads.place(instance.id).name)],
            ])
        )
    }

    /// The image's users. A file that leads out of the image, or to no file, counts as none.
    private func accounts(_ root: String) throws -> ImageAccounts {
        let folder = try Folder(root: root)
        func content(_ path: String) -> [UInt8] {
            let file = era_open_beneath(folder.descriptor, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
            guard file >= 0 else { return [] }
            defer { close(file) }
            var status = stat()
            guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return [] }
            return readSmallFile("/proc/self/fd/\(file)", limit: ImageAccounts.sizeLimit) ?? []
        }
        return ImageAccounts(passwd: content("etc/passwd"), group: content("etc/group"))
    }

    /// Lets the container's user have a volume that is its own: what root has, and nobody else was given.
    func give(_ volume: PreparedInstance.Volume, of spec: DeploymentSpec, to user: ContainerUser) throws {
        guard !user.isRoot, let source = spec.volumes.first(where: { $0.name == volume.name })?.source else {
            return
        }
        let isWhole: Bool
        switch source {
        case .persistent: isWhole = false
        case .secret: isWhole = true
        // The host's own, or made by the engine.
        case .hostPath, .tmpfs: return
        }
        let folder = try Folder(root: volume.hostPath)
        let status = try folder.status()
        if status.st_uid == 0, fchown(folder.descriptor, user.user, user.group) != 0 {
            throw failure("give away", volume.hostPath)
        }
        guard isWhole else { return }
        for name in try folder.names() {
            guard fchownat(folder.descriptor, name, user.user, user.group, AT_SYMLINK_NOFOLLOW) == 0 else {
                throw failure("give away", "\(volume.hostPath)/\(name)")
            }
        }
    }

    // MARK: The bundle

    /// Writes what the engine is told. Secrets are in it: only its owner can read it.
    ///
    /// - Returns: What the host cannot limit.
    func writeBundle(
        _ instance: PreparedInstance,
        _ config: ContainerConfig,
        _ words: Words,
        _ place: ContainerPlace,
        _ attachment: NetworkAttachment?,
        _ namespace: UserNamespace?
    ) throws -> [String] {
        let bundle = try Folder("bundle", in: Folder(root: place.directory))
        let hostname = config.hostname ?? Self.hostname(config.network, instance.id)
        let (resources, restrictions) = groups.applicable(instance.spec.resources)
        var runtime = RuntimeConfiguration(
            root: place.rootPath,
            arguments: words.arguments,
            environment: words.environment,
            workingDirectory: words.workingDirectory,
            user: words.user,
            hostname: hostname,
            cgroupsPath: groups.path(place.name)
        )
        runtime.isRootReadOnly = config.isReadOnly
        runtime.capabilities = config.capabilities
        runtime.limits = config.workload.limits.compactMap { limit in
            let name = WorkloadConfig.resources.first { $0.number == limit.resource }?.name
            return name.map { .init(type: "RLIMIT_" + $0.uppercased(), value: limit.hard) }
        }
        runtime.oomScoreAdjust = allowed(config.workload.oomScoreAdjust)
        runtime.network = runtimeNetwork(config, attachment)
        runtime.resources = resources
        runtime.hasOneHierarchy = groups.layout == .unified
        runtime.mapping = namespace?.mapping
        let naming = attachment.map { Self.naming($0, hostname) }
        runtime.mounts = try namingFiles(bundle, config.network, hostname, naming) + volumes(instance, words)
        if config.filtersCalls {
            runtime.seccomp = try Self.seccomp().rules(capabilities: config.capabilities.granted, on: .host)
        }
        try bundle.replace("config.json", with: runtime.json.utf8Text(pretty: false), owner: nil, mode: 0o600)
        return restrictions + (naming.map(networkRestrictions) ?? [])
    }

    private func volumes(_ instance: PreparedInstance, _ words: Words) -> [RuntimeConfiguration.Mount] {
        instance.volumes.map { volume in
            let target = absoluteContainerPath(volume.mountPath, from: words.workingDirectory)
            guard let tmpfs = volume.tmpfs else {
                return .init(.host(volume.hostPath), at: target, isReadOnly: volume.isReadOnly)
            }
            let (user, group) = (words.user.user, words.user.group)
            return .init(
                .tmpfs(sizeLimit: tmpfs.sizeLimit, user: user, group: group),
                at: target,
                isReadOnly: volume.isReadOnly
            )
        }
    }

    /// Copies of what names hosts, which the container may change for itself.
    private func namingFiles(
        _ bundle: borrowing Folder,
        _ network: ContainerNetwork,
        _ hostname: String,
        _ naming: ContainerNaming?
    ) throws -> [RuntimeConfiguration.Mount] {
        var hosts =
            "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.0.1\t\(hostname)\n"
        var resolver = ""
        if network == .host {
            hosts = Self.text("/etc/hosts") + "\n127.0.0.1\t\(hostname)\n"
            resolver = Self.text("/etc/resolv.conf")
        } else if let naming {
            hosts = naming.hosts
            resolver = naming.resolver
        }
        var mounts: [RuntimeConfiguration.Mount] = []
        for (name, text) in [("hosts", hosts), ("resolv.conf", resolver), ("hostname", hostname + "\n")] {
            try bundle.replace(name, with: Array(text.utf8), owner: nil, mode: 0o644)
            mounts.append(.init(.host("\(bundle.path)/\(name)"), at: "/etc/\(name)"))
        }
        return mounts
    }

    static func text(_ path: String) -> String {
        String(decoding: readSmallFile(path, limit: 1 << 20) ?? [], as: UTF8.self)
    }

    private static func hostname(_ network: ContainerNetwork, _ id: InstanceID) -> String {
        let deployment = id.deployment.name.rawValue
        guard network == .host else { return deployment }
        let host = text("/proc/sys/kernel/hostname").prefix { $0 != "\n" }
        return host.isEmpty ? deployment : String(host)
    }

    /// podman's profile of this host: the administrator's, else the distribution's; else one of our own.
    private static func seccomp() throws -> SeccompProfile {
        for path in seccompPaths {
            guard let bytes = readSmallFile(path, limit: SeccompProfile.sizeLimit + 1) else { continue }
            do throws(OCIError) {
                return try SeccompProfile(bytes)
            } catch {
                throw Failure.permanent(
                    .startFailed,
                    "\(path) cannot be used: \(error); mend it, or remove it"
                )
            }
        }
        return .builtIn
    }
}
