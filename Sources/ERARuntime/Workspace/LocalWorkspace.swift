public import ERAContracts
public import ERACore
internal import ERALinux
import Glibc

/// Instances and volumes below ERA's data directory, secrets from a directory of files.
///
/// `<data>/instances/NS/NAME/REV` holds an instance, `<data>/volumes/NS/NAME/VOLUME` what outlives it. All
/// are 0700. Where a workload runs as another user, the directories that lead to its own let it pass (0711),
/// so that it reaches its volumes and sees no other's.
public struct LocalWorkspace: Workspace {
    let root: String
    private let secrets: SecretDirectory
    private let namespaces: UserNamespaces?
    /// File systems block; here they block no thread of Swift's pool, and not more than a few others.
    private let queue = BlockingQueue(label: "era.workspace")

    /// - Parameters:
    ///   - data: ERA's data directory, made already; absolute.
    ///   - secrets: The directory of secrets; it may be missing as long as nobody needs one.
    ///   - namespaces: Whose users may have files in volumes; nil where the daemon is root.
    public init(data: String, secrets: String, namespaces: UserNamespaces? = nil) {
        root = data
        self.namespaces = namespaces
        self.secrets = SecretDirectory(path: secrets)
    }

    public func prepare(
        _ id: InstanceID,
        _ spec: DeploymentSpec,
        artifact: StoredArtifact?
    ) async throws -> PreparedInstance {
        try await run { () throws(Failure) in try prepareNow(id, spec, artifact: artifact) }
    }

    public func existing(
        _ id: InstanceID,
        _ spec: DeploymentSpec,
        artifact: StoredArtifact?
    ) async throws -> PreparedInstance {
        try await run { () throws(Failure) in
            let environment = try environment(spec, in: id.deployment.namespace)
            let directory = try instance(id, in: Folder(root: root)).path
            return PreparedInstance(
                id: id,
                spec: spec,
                directory: directory,
                artifact: artifact,
                environment: environment,
                volumes: spec.volumes.map { located($0, id, below: directory) }
            )
        }
    }

    /// All keys of a secret as text, for whoever needs credentials.
    ///
    /// - Throws: ``Failure`` `SecretMissing`, `SecretRefused`, `FileSystemError`.
    public func secret(_ name: PartName, in namespace: NamespaceName) async throws -> [String: String] {
        try await run { () throws(Failure) in
            var values: [String: String] = [:]
            for file in try secrets.files(name, in: namespace) {
                values[file.key] = String(decoding: file.bytes, as: UTF8.self)
            }
            return values
        }
    }

    /// Sockets that are passed on (`passSocket`) are not checked: a shim of ERA's holds them across restarts
    /// and updates, and says itself when it cannot get them.
    public func checkPorts(_ spec: DeploymentSpec) async throws {
        try await run { () throws(Failure) in
            let isMapped = ContainerConfig.isOnBridge(spec)
            for port in spec.ports where !port.passSocket {
                // A shim of the deployment may hold it already: who starts the container finds out.
                if isMapped { try PortCheck(port).runForMapping() } else { try PortCheck(port).run() }
            }
        }
    }

    public func remove(_ id: InstanceID) async throws {
        try await run { () throws(Failure) in
            try inside("instances", of: id.deployment) { deployment throws(Failure) in
                try deployment.remove("\(id.revision)")
            }
        }
    }

    public func removeVolumes(_ key: DeploymentKey, _ specs: [VolumeSpec]) async throws {
        do {
            try await removeOwnVolumes(key, specs)
        } catch let failure as Failure where failure.persistence == .permanent {
            guard let namespace = try await namespaces?.required() else { throw failure }
            // What a container's other users made there is removed as by its root.
            for spec in specs {
                guard case .persistent(retain: false) = spec.source else { continue }
                try await namespace.removeTree("\(root)/volumes/\(key)/\(spec.name.rawValue)")
            }
            try await removeOwnVolumes(key, specs)
        }
    }

    private func removeOwnVolumes(_ key: DeploymentKey, _ specs: [VolumeSpec]) async throws {
        try await run { () throws(Failure) in
            try inside("volumes", of: key) { volumes throws(Failure) in
                for spec in specs {
                    guard case .persistent(retain: false) = spec.source else { continue }
                    try volumes.remove(spec.name.rawValue)
                }
            }
            for kind in ["instances", "volumes"] { try removeEmpty(kind, of: key) }
        }
    }

    func run<Value: Sendable>(
        _ body: @escaping @Sendable () throws(Failure) -> Value
    ) async throws -> Value {
        try await queue.run(body)
    }

    /// Opens the deployment's directory of a kind for `body`; does nothing where there is none.
    private func inside(
        _ kind: String,
        of key: DeploymentKey,
        _ body: (borrowing Folder) throws(Failure) -> Void
    ) throws(Failure) {
        let top = try Folder(root: root)
        guard top.has("\(kind)/\(key)") else { return }
        let namespace = try Folder(key.namespace.rawValue, in: Folder(kind, in: top))
        try body(Folder(key.name.rawValue, in: namespace))
    }

    private func removeEmpty(_ kind: String, of key: DeploymentKey) throws(Failure) {
        let top = try Folder(root: root)
        guard top.has("\(kind)/\(key.namespace)") else { return }
        let folder = try Folder(kind, in: top)
        let isGone = try Folder(key.namespace.rawValue, in: folder).removeIfEmpty(key.name.rawValue)
        if isGone { try folder.removeIfEmpty(key.namespace.rawValue) }
    }
}

extension Folder {
    /// Whether there is something at a path below; nothing is concluded from more than that.
    fileprivate func has(_ path: String) -> Bool {
        var status = stat()
        return fstatat(descriptor, path, &status, AT_SYMLINK_NOFOLLOW) == 0
    }

    /// Whether an entry belongs to another user, and we are not root.
    fileprivate func isOthers(_ name: String) -> Bool {
        var status = stat()
        return geteuid() != 0 && fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0
            && status.st_uid != geteuid()
    }
}

extension LocalWorkspace {
    /// How often a directory is made that others remove as soon as it is empty.
    private static let attemptLimit = 5

    private func prepareNow(
        _ id: InstanceID,
        _ spec: DeploymentSpec,
        artifact: StoredArtifact?
    ) throws(Failure) -> PreparedInstance {
        // A container's user is its image's: the plugin, which has the image, gives it what it needs.
        let user = spec.runtime.plugin == .container ? nil : spec.user
        let owner = try Account.other(than: geteuid(), named: user)
        // What can fail without leaving anything comes first.
        let environment = try environment(spec, in: id.deployment.namespace)
        let deployment = try make("instances", of: id.deployment, owner: owner)
        let instance = try deployment.make("\(id.revision)")
        try instance.set(owner: nil, mode: owner == nil ? 0o700 : 0o711)
        var volumes: [PreparedInstance.Volume] = []
        for volume in spec.volumes {
            volumes.append(try prepare(volume, id, instance, owner: owner))
        }
        return PreparedInstance(
            id: id,
            spec: spec,
            directory: instance.path,
            artifact: artifact,
            environment: environment,
            volumes: volumes
        )
    }

    private func environment(
        _ spec: DeploymentSpec,
        in namespace: NamespaceName
    ) throws(Failure) -> [(name: String, value: SecretText)] {
        var environment: [(name: String, value: SecretText)] = []
        for variable in spec.env {
            switch variable.source {
            case .value(let value): environment.append((variable.name, SecretText(value)))
            case .secret(let name, let key):
                environment.append(
                    (variable.name, SecretText(try secrets.text(name, key: key, in: namespace)))
                )
            }
        }
        return environment
    }

    /// Makes `<data>/KIND/NS/NAME`; again when another deployment's removal took a directory away meanwhile.
    private func make(_ kind: String, of key: DeploymentKey, owner: Account?) throws(Failure) -> Folder {
        for _ in 1..<Self.attemptLimit {
            do throws(Failure) {
                return try makeOnce(kind, of: key, owner: owner)
            } catch {
                guard error.code == .fileSystemError, error.persistence == .transient else { throw error }
            }
        }
        return try makeOnce(kind, of: key, owner: owner)
    }

    private func makeOnce(_ kind: String, of key: DeploymentKey, owner: Account?) throws(Failure) -> Folder {
        let top = try Folder(root: root)
        if owner != nil { try top.letPass() }
        let folder = try top.make(kind)
        let namespace = try folder.make(key.namespace.rawValue)
        let deployment = try namespace.make(key.name.rawValue)
        if owner != nil {
            try folder.letPass()
            try namespace.letPass()
            try deployment.letPass()
        }
        return deployment
    }

    private func prepare(
        _ volume: VolumeSpec,
        _ id: InstanceID,
        _ instance: borrowing Folder,
        owner: Account?
    ) throws(Failure) -> PreparedInstance.Volume {
        let name = volume.name.rawValue
        switch volume.source {
        case .persistent:
            let volumes = try make("volumes", of: id.deployment, owner: owner)
            // A container's user has it where ERA is not root; then nobody else can open it.
            if volumes.isOthers(name) { break }
            let folder = try volumes.make(name)
            // What is inside belongs to the workload; only a new user of the spec gets the top.
            try folder.set(owner: owner, mode: 0o700)
        case .hostPath(let path, _):
            try checkHostPath(path, volume: name)
        case .tmpfs:
            let folder = try group("volumes", in: instance, owner: owner).make(name)
            try folder.set(owner: owner, mode: 0o700)
        case .secret(let secret):
            let folder = try group("secrets", in: instance, owner: owner).make(name)
            try folder.set(owner: owner, mode: 0o700)
            try refresh(folder, secrets.files(secret, in: id.deployment.namespace), owner: owner)
        }
        return located(volume, id, below: instance.path)
    }

    /// Where a volume is once it is prepared.
    private func located(
        _ volume: VolumeSpec,
        _ id: InstanceID,
        below instance: String
    ) -> PreparedInstance.Volume {
        let name = volume.name.rawValue
        var result = PreparedInstance.Volume(
            name: volume.name,
            hostPath: "",
            mountPath: volume.mountPath,
            isReadOnly: false
        )
        switch volume.source {
        case .persistent: result.hostPath = "\(root)/volumes/\(id.deployment)/\(name)"
        case .hostPath(let path, let readOnly):
            result.hostPath = path
            result.isReadOnly = readOnly
        case .tmpfs(let sizeLimit):
            result.hostPath = "\(instance)/volumes/\(name)"
            result.tmpfs = PreparedInstance.Volume.Tmpfs(sizeLimit: sizeLimit)
        case .secret:
            result.hostPath = "\(instance)/secrets/\(name)"
            result.isReadOnly = true
        }
        return result
    }

    private func group(_ name: String, in instance: borrowing Folder, owner: Account?) throws(Failure)
        -> Folder
    {
        let folder = try instance.make(name)
        if owner != nil { try folder.letPass() }
        return folder
    }

    private func checkHostPath(_ path: String, volume: String) throws(Failure) {
        guard path.hasPrefix("/"), !path.utf8.contains(0) else {
            throw .permanent(.fileSystemError, "hostPath of volume \(volume) must be an absolute path")
        }
        var status = stat()
        guard stat(path, &status) == 0 else {
            guard errno == ENOENT else { throw .system("find the hostPath of volume \(volume)", path) }
            throw .permanent(
                .fileSystemError,
                "hostPath \(path) of volume \(volume) does not exist; make it, or use a persistent volume"
            )
        }
    }

    /// Makes a directory hold exactly these files; each changes at once, and only if its content did.
    private func refresh(
        _ folder: borrowing Folder,
        _ files: [(key: String, bytes: [UInt8])],
        owner: Account?
    ) throws(Failure) {
        for file in files { try folder.replace(file.key, with: file.bytes, owner: owner, mode: 0o400) }
        let keys = Set(files.map(\.key))
        for name in try folder.names() where !keys.contains(name) { try folder.remove(name) }
    }
}
