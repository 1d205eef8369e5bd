internal import ERAContracts
internal import ERACore
internal import ERALinux
internal import ERAOCI
internal import Glibc

/// What is different where the daemon is not root: the engine, and with it the container, is in a user
/// namespace.
extension ContainerPlugin {
    /// What keeps a daemon of this user from having containers.
    ///
    /// - Throws: ``Failure``, `CancellationError`, where that cannot be told now.
    func namespaceProblems() async throws -> [SpecProblem] {
        do {
            _ = try await namespaces?.find()
            return []
        } catch let error as NamespaceMissing {
            return [SpecProblem(field: "spec.runtime.plugin", message: error.message)]
        }
    }

    /// Makes a launch of an engine one in a namespace, with the image mounted there, or copied.
    ///
    /// - Throws: ``Failure``, `CancellationError`.
    func enter(
        _ namespace: UserNamespace,
        _ launch: inout ShimLaunch,
        _ lower: String,
        _ place: ContainerPlace
    ) async throws {
        var overlay: UserNamespace.Overlay?
        let options = RootStore.options(lower: lower, upper: place.upperPath, work: place.workPath)
        if let options, try await roots.hasOverlay(in: namespace) {
            overlay = UserNamespace.Overlay(
                target: place.rootPath,
                options: options + RootStore.namespaceOption
            )
        } else {
            try await namespace.require(
                ["cp", "-a", "\(lower)/.", place.rootPath],
                to: "copy the image to \(place.rootPath)"
            )
        }
        launch.arguments = namespace.prefix(overlay) + launch.arguments
        launch.executable = namespace.shimPath
    }

    /// Lets the container's user have a volume that is its own, where only the namespace knows that user.
    ///
    /// A secret stays ours, and its group is the user's: the directory that it is in nobody else can enter.
    /// - Throws: ``Failure``, `CancellationError`.
    func give(
        _ volume: PreparedInstance.Volume,
        of spec: DeploymentSpec,
        to user: ContainerUser,
        in namespace: UserNamespace
    ) async throws {
        guard !user.isRoot, let source = spec.volumes.first(where: { $0.name == volume.name })?.source else {
            return
        }
        let path = volume.hostPath
        switch source {
        case .persistent:
            var status = stat()
            guard stat(path, &status) == 0, status.st_uid == geteuid() else { return }
            try await namespace.require(
                ["chown", "\(user.user):\(user.group)", path],
                to: "give away \(path)"
            )
        case .secret:
            try await namespace.require(["chgrp", "-R", "\(user.group)", path], to: "give away \(path)")
            try await queue.run {
                let folder = try Folder(root: path)
                try folder.set(owner: nil, mode: 0o750)
                for name in try folder.names() where fchmodat(folder.descriptor, name, 0o440, 0) != 0 {
                    throw failure("change the mode of", "\(path)/\(name)")
                }
            }
        // The host's own, or made by the engine.
        case .hostPath, .tmpfs: return
        }
    }

    /// What of a score may be set: without root it can only be raised.
    func allowed(_ oomScoreAdjust: Int?) -> Int? {
        guard namespaces != nil, let oomScoreAdjust else { return oomScoreAdjust }
        let bytes = readSmallFile("/proc/self/oom_score_adj", limit: 16) ?? []
        let own = Int(String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
        return max(oomScoreAdjust, own ?? 0)
    }

    /// The words that bring a program into the namespace of a container that runs; none for root.
    func entry(_ place: ContainerPlace) throws -> [String] {
        guard namespaces != nil else { return [] }
        let bytes = readSmallFile(place.pidPath, limit: 32) ?? []
        guard let pid = Int32(String(decoding: bytes.filter { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
        else { throw Failure.transient(.pluginFault, "\(place.pidPath) does not say which process it is") }
        return [host.options.shimPath, "inside", String(pid)]
    }
}
