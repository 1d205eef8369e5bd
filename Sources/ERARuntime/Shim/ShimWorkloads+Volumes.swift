internal import ERAContracts
internal import ERACore
internal import Glibc

extension ShimWorkloads {
    /// Links each volume, or says how to mount it.
    ///
    /// A link is enough for a relative path; what is absolute, in memory or read-only needs a mount, and so
    /// does a workload of another user, who may not walk to the volume from `/`.
    /// - Parameter directory: Absolute; where relative paths begin.
    /// - Throws: ``Failure`` where a path leads out of the instance, or only root could do it.
    func attach(_ instance: PreparedInstance, _ directory: String) throws -> [ShimLaunch.Mount] {
        let user = try user(instance.spec)
        let canMount = geteuid() == 0
        let isOther = canMount && instance.spec.user != nil
        var mounts: [ShimLaunch.Mount] = []
        for volume in instance.volumes {
            let isAbsolute = volume.mountPath.hasPrefix("/")
            guard canMount && (isAbsolute || volume.tmpfs != nil || volume.isReadOnly || isOther) else {
                try link(volume, directory)
                continue
            }
            let target = isAbsolute ? volume.mountPath : try mountPoint(volume, directory)
            var mount = ShimLaunch.Mount(
                source: volume.hostPath,
                target: target,
                isReadOnly: volume.isReadOnly
            )
            if let tmpfs = volume.tmpfs {
                let size = tmpfs.sizeLimit.map { ",size=\($0.bytes)" } ?? ""
                mount.source = nil
                mount.options = "mode=0755,uid=\(user.user),gid=\(user.group)\(size)"
            }
            mounts.append(mount)
        }
        return mounts
    }

    private func link(_ volume: PreparedInstance.Volume, _ directory: String) throws {
        guard volume.tmpfs == nil, let path = containedPath(volume.mountPath), !path.isEmpty else {
            throw Failure.permanent(.unsupported, "cannot mount volume \(volume.name): only root can mount")
        }
        let parts = path.split(separator: "/")
        try FileTree.makeDirectories(parts.dropLast().joined(separator: "/"), below: directory)
        try FileTree.link("\(directory)/\(path)", to: volume.hostPath)
    }

    /// Makes the place below the working directory that a volume is mounted on: what the volume is.
    private func mountPoint(_ volume: PreparedInstance.Volume, _ directory: String) throws -> String {
        guard let path = containedPath(volume.mountPath), !path.isEmpty else {
            throw Failure.permanent(
                .invalidSpec,
                "volume \(volume.name): \(volume.mountPath) leads out of the instance"
            )
        }
        let parts = path.split(separator: "/")
        try FileTree.makeDirectories(parts.dropLast().joined(separator: "/"), below: directory)
        let target = "\(directory)/\(path)"
        var source = stat()
        guard volume.tmpfs == nil, stat(volume.hostPath, &source) == 0, source.st_mode & S_IFMT != S_IFDIR
        else {
            try FileTree.makeDirectories(path, below: directory)
            return target
        }
        let file = open(target, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard file >= 0 else { throw failure("make the mount point", target) }
        close(file)
        return target
    }
}
