import CLinux
import ERACore
import Glibc

/// A user of this machine, with the group that its files get.
struct Account: Hashable {
    let user: uid_t
    let group: gid_t

    /// Looks a user up by name or number.
    ///
    /// - Throws: ``Failure`` `UserMissing`.
    init(named name: String) throws(Failure) {
        var user = uid_t()
        var group = gid_t()
        var groups = [gid_t](repeating: 0, count: 256)
        var count = groups.count
        let code = name.utf8.contains(0) ? ENOENT : era_probe_find_user(name, &user, &group, &groups, &count)
        // In too many groups for us to list is nothing that files depend on.
        guard code == 0 || code == ERANGE else {
            throw .permanent(
                .userMissing,
                "there is no user \(name) on this machine; make it (useradd --system \(name))"
            )
        }
        self.user = user
        self.group = group
    }

    /// Nil for ERA's own user, whose files need no change of owner.
    ///
    /// - Throws: ``Failure`` `UserMissing`; `FileSystemError` where ERA may not give files away.
    static func other(than own: uid_t, named name: String?) throws(Failure) -> Account? {
        guard let name else { return nil }
        let account = try Account(named: name)
        guard account.user != own else { return nil }
        guard own == 0 else {
            throw .permanent(
                .fileSystemError,
                "only root can run a workload as \(name); run ERA as root or as that user, or leave spec.user out"
            )
        }
        return account
    }
}
