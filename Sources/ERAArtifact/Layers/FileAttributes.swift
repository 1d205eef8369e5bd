import CLinux
import Glibc

/// What a layer says of a file beside its content: owner, mode, time, extended attributes.
struct FileAttributes {
    /// Permission bits, with set-uid, set-gid and sticky.
    var mode: mode_t
    var user: uid_t
    var group: gid_t
    var time: FileTime?
    /// Capabilities of programs, and what users attach; others belong to the host that the image was made on.
    var extended: [(name: String, value: [UInt8])] = []

    /// The most bytes of one extended attribute. Source: Linux, XATTR_SIZE_MAX.
    static let attributeSizeLimit = 64 << 10
    static let capabilityName = "security.capability"

    init(_ entry: ArchiveEntry, _ owners: OwnerLimits) throws {
        mode = entry.mode & 0o7777
        let owner = entry.owner
        user = owner.0 < owners.users ? owner.0 : 0
        group = owner.1 < owners.groups ? owner.1 : 0
        time = entry.writtenAt
        var extended: [(name: String, value: [UInt8])] = []
        try entry.forEachAttribute { name, value in
            guard name == Self.capabilityName || name.hasPrefix("user.") else { return }
            guard value.count <= Self.attributeSizeLimit else {
                throw UnsafeArchive("the attribute \(name) has more than \(Self.attributeSizeLimit) bytes")
            }
            extended.append((name, Array(value)))
        }
        self.extended = extended
    }

    /// Sets them, in the order in which none takes away another: a new owner clears set-uid and capabilities.
    ///
    /// - Parameter isRoot: The root of the tree, whose mode others set.
    /// - Throws: ``SystemError``.
    func apply(to descriptor: CInt, _ path: String, isRoot: Bool) throws(SystemError) {
        guard fchown(descriptor, user, group) == 0 else { throw SystemError("give away", path) }
        if !isRoot, fchmod(descriptor, mode) != 0 { throw SystemError("protect", path) }
        for (name, value) in extended {
            guard era_artifact_set_attribute(descriptor, name, value, value.count) != 0 else { continue }
            // A file system without them loses a user's notes, but not what a program may do.
            if errno == ENOTSUP, name != Self.capabilityName { continue }
            throw SystemError("set the attribute \(name) of", path)
        }
        if let time = time?.value, futimens(descriptor, [time, time]) != 0 {
            throw SystemError("date", path)
        }
    }

    /// Sets owner and time of what cannot be opened.
    ///
    /// - Throws: ``SystemError``.
    func applyToLink(_ path: EntryPath, in parent: CInt) throws(SystemError) {
        guard fchownat(parent, path.name, user, group, AT_SYMLINK_NOFOLLOW) == 0 else {
            throw SystemError("give away", path.text)
        }
        if let time = time?.value, utimensat(parent, path.name, [time, time], AT_SYMLINK_NOFOLLOW) != 0 {
            throw SystemError("date", path.text)
        }
    }
}

/// How many users and groups there are; what an image gives to one beyond becomes root's.
public struct OwnerLimits: Hashable, Sendable {
    public var users: UInt32
    public var groups: UInt32

    public init(users: UInt32, groups: UInt32) {
        self.users = users
        self.groups = groups
    }

    /// All that there can be.
    public static let none = OwnerLimits(users: .max, groups: .max)
}

/// When a file was written, since 1970.
struct FileTime: Hashable {
    var seconds: Int
    var nanoseconds: Int

    /// As the kernel takes it.
    var value: timespec { timespec(tv_sec: seconds, tv_nsec: nanoseconds) }
}
