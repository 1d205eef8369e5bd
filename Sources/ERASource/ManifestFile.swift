import CLinux
import ERALinux
import Glibc

/// What a manifest's path leads to.
enum ManifestContent {
    case file(ManifestFile)
    /// There, and not to be used: why, and what to do.
    case refused(String)
    /// Gone since it was listed, or a directory.
    case absent
}

/// A manifest file as it was read.
struct ManifestFile {
    let stamp: FileStamp
    let bytes: [UInt8]
    let hash: ContentHash
    /// When it was read, on the file system's clock.
    let readAt: Duration

    /// The coarsest time stamps of the file systems in use (FAT, old NFS servers): two writes within it can
    /// leave a file with the same stamp.
    private static let stampGranularity: Duration = .seconds(2)

    /// Whether a file that has this stamp must still hold these bytes.
    func isCurrent(_ stamp: FileStamp) -> Bool {
        // The change time counts: nobody can set it, unlike the modification time.
        stamp == self.stamp && readAt - stamp.changed > Self.stampGranularity
    }
}

/// Reads manifests, and reads nothing again that has not changed.
struct ManifestReader {
    let options: DirectorySourceOptions
    let trust: FileTrust

    /// The content of `path` below the open directory `root`; `known` is what it held before.
    func read(_ root: CInt, _ path: String, known: ManifestFile?) -> ManifestContent {
        do {
            return try open(root, path, known: known)
        } catch {
            switch error.code {
            case ENOENT: return danglingLink(root, path)
            case EXDEV:
                return .refused(
                    "it is a symbolic link that leads out of the source, or absolute; copy the file here"
                )
            case ELOOP: return .refused("its symbolic links lead in a circle; replace them")
            case EACCES:
                return .refused("it cannot be read: \(error.text); let ERA's user read it (chmod u+r)")
            default: return .refused("it cannot be read: \(error.text)")
            }
        }
    }

    private func open(_ root: CInt, _ path: String, known: ManifestFile?) throws(SystemError)
        -> ManifestContent
    {
        // One call for a file that is the same as before: what this inode holds was read when it was safe to.
        var entry = stat()
        if let known, fstatat(root, path, &entry, AT_SYMLINK_NOFOLLOW) == 0, known.isCurrent(FileStamp(entry))
        {
            return verdict(root, path, entry) ?? .file(known)
        }
        // Only a handle first: opening a device or a FIFO would already do something.
        let handle = try Descriptor(era_find_beneath(root, path))
        let status = try handle.status()
        if let verdict = verdict(root, path, status) { return verdict }
        if let known, known.isCurrent(FileStamp(status)) { return .file(known) }

        let file = try Descriptor(era_open_beneath(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY))
        let readAt = fileSystemTime()
        // Again, since another file may have taken the name.
        let opened = try file.status()
        if let verdict = verdict(root, path, opened) { return verdict }
        let bytes = try file.read(expected: Int(opened.st_size), limit: options.fileSizeLimit)
        guard bytes.count <= options.fileSizeLimit else { return tooLarge }
        // The stamp of before the reading: what was written during it shows as a change next time.
        let stamp = FileStamp(opened)
        if let known, known.bytes == bytes {
            return .file(ManifestFile(stamp: stamp, bytes: known.bytes, hash: known.hash, readAt: readAt))
        }
        return .file(ManifestFile(stamp: stamp, bytes: bytes, hash: ContentHash(bytes), readAt: readAt))
    }

    /// What is to be said without looking into the file; nil when it may be read.
    private func verdict(_ root: CInt, _ path: String, _ status: stat) -> ManifestContent? {
        switch status.st_mode & S_IFMT {
        case S_IFREG: break
        case S_IFDIR:
            var link = stat()
            guard fstatat(root, path, &link, AT_SYMLINK_NOFOLLOW) == 0, link.st_mode & S_IFMT == S_IFLNK
            else {
                return .absent
            }
            return .refused("it is a symbolic link to a directory; move the directory here")
        default: return .refused("it is not a regular file; remove it")
        }
        if let problem = trust.problem(status, .file) { return .refused("it \(problem)") }
        return status.st_size > off_t(options.fileSizeLimit) ? tooLarge : nil
    }

    private var tooLarge: ManifestContent {
        .refused("it is larger than \(options.fileSizeLimit) bytes; split it")
    }

    private func danglingLink(_ root: CInt, _ path: String) -> ManifestContent {
        var status = stat()
        guard fstatat(root, path, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return .absent }
        return .refused("it is a symbolic link to nothing; remove it or make its target")
    }
}
