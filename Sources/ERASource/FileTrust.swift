import Glibc
import Synchronization

/// Who may change manifests: root, ERA's own user, and owners that were named; nobody else.
///
/// Source: sshd's `StrictModes` (no component writable by group or others), with Debian's exception for a
/// user's private group; and a sticky directory above is fine, since others cannot rename what is in it.
struct FileTrust {
    private let owners: Set<uid_t>
    private let groups = PrivateGroups()

    init(owners: Set<uid_t>) { self.owners = owners.union([0, geteuid()]) }

    /// What a thing is to a source; a parent only leads to it.
    enum Role { case file, directory, parent }

    /// - Returns: What is wrong, as the end of a sentence about the thing
    ///   and what to do; nil when it is safe.
    func problem(_ status: stat, _ role: Role) -> String? {
        guard owners.contains(status.st_uid) else {
            return
                "is owned by user \(status.st_uid), whom ERA does not trust; make root or ERA's own user the "
                + "owner (chown)"
        }
        let isSticky = role == .parent && status.st_mode & S_ISVTX != 0
        if status.st_mode & S_IWOTH != 0, !isSticky {
            return "is writable by everybody; take that away (chmod o-w)"
        }
        if status.st_mode & S_IWGRP != 0, !isSticky,
            !groups.isPrivate(group: status.st_gid, of: status.st_uid)
        {
            return "is writable by group \(status.st_gid); take that away (chmod g-w)"
        }
        return nil
    }

    /// The first directory above `path`, or above what it leads to, that others may write.
    ///
    /// - Parameter path: Absolute.
    /// - Returns: The directory and what is wrong with it; nil when all are safe.
    func problemAbove(_ path: String) -> (directory: String, problem: String)? {
        var above = Set(Self.parents(of: path))
        if let resolved = realpath(path, nil) {
            above.formUnion(Self.parents(of: String(cString: resolved)))
            free(resolved)
        }
        for directory in above.sorted() {
            var status = stat()
            // A missing one is told apart when it is opened.
            guard stat(directory, &status) == 0 else { continue }
            if let problem = problem(status, .parent) { return (directory, problem) }
        }
        return nil
    }

    /// `/`, `/a` and `/a/b` for `/a/b/c`.
    static func parents(of path: String) -> [String] {
        path.indices.filter { path[$0] == "/" }.map { $0 == path.startIndex ? "/" : String(path[..<$0]) }
    }
}

/// Which groups are a user's own: of the same name, with nobody else in it.
///
/// A class, because it remembers: asking the user database for each of 500
/// files would cost more than reading them.
private final class PrivateGroups: Sendable {
    private struct Pair: Hashable {
        let group: gid_t
        let user: uid_t
    }

    private let known: Mutex<[Pair: Bool]> = Mutex([:])

    func isPrivate(group: gid_t, of user: uid_t) -> Bool {
        known.withLock { known in
            let pair = Pair(group: group, user: user)
            if let answer = known[pair] { return answer }
            let answer = Self.lookUp(group: group, of: user)
            known[pair] = answer
            return answer
        }
    }

    private static func lookUp(group number: gid_t, of user: uid_t) -> Bool {
        var groupEntry = group()
        var userEntry = passwd()
        var foundGroup: UnsafeMutablePointer<group>?
        var foundUser: UnsafeMutablePointer<passwd>?
        var groupText = [CChar](repeating: 0, count: 16_384)
        var userText = [CChar](repeating: 0, count: 16_384)
        guard getgrgid_r(number, &groupEntry, &groupText, groupText.count, &foundGroup) == 0,
            foundGroup != nil,
            getpwuid_r(user, &userEntry, &userText, userText.count, &foundUser) == 0, foundUser != nil,
            strcmp(groupEntry.gr_name, userEntry.pw_name) == 0
        else { return false }
        var member = groupEntry.gr_mem
        while let name = member?.pointee {
            guard strcmp(name, userEntry.pw_name) == 0 else { return false }
            member = member?.advanced(by: 1)
        }
        return true
    }
}
