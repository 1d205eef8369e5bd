internal import Glibc

/// A user of this host, as `/etc/passwd` or what stands for it says.
struct HostUser: Hashable, Sendable {
    var name: String
    var user: UInt32
    var group: UInt32
    var groups: [UInt32]
    var home: String

    /// Finds a user by name, or by number; a number need not have an entry.
    ///
    /// - Returns: Nil when there is no such user.
    init?(_ text: String) {
        if let found = Self.entry({ getpwnam_r(text, $0, $1, $2, $3) }) {
            self = found
        } else if let number = UInt32(text), number != .max {
            self = Self.entry { getpwuid_r(number, $0, $1, $2, $3) } ?? HostUser(number: number)
        } else {
            return nil
        }
    }

    /// The user that this process is.
    static var current: HostUser {
        let number = geteuid()
        return entry { getpwuid_r(number, $0, $1, $2, $3) } ?? HostUser(number: number)
    }

    private init(number: UInt32) {
        self.init(name: String(number), user: number, group: number, groups: [number], home: "/")
    }

    private init(name: String, user: UInt32, group: UInt32, groups: [UInt32], home: String) {
        self.name = name
        self.user = user
        self.group = group
        self.groups = groups
        self.home = home
    }

    private typealias Lookup = (
        UnsafeMutablePointer<passwd>, UnsafeMutablePointer<CChar>, Int,
        UnsafeMutablePointer<UnsafeMutablePointer<passwd>?>
    ) -> Int32

    private static func entry(_ lookup: Lookup) -> HostUser? {
        var record = passwd()
        var found: UnsafeMutablePointer<passwd>?
        // Room for the longest line that anybody has.
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 65_536) { buffer -> HostUser? in
            guard let start = buffer.baseAddress, lookup(&record, start, buffer.count, &found) == 0,
                found != nil
            else { return nil }
            let name = String(cString: record.pw_name)
            return HostUser(
                name: name,
                user: record.pw_uid,
                group: record.pw_gid,
                groups: supplementaryGroups(name, record.pw_gid),
                home: String(cString: record.pw_dir)
            )
        }
    }

    private static func supplementaryGroups(_ name: String, _ group: UInt32) -> [UInt32] {
        var count: Int32 = 256
        var groups = [gid_t](repeating: 0, count: Int(count))
        let result = getgrouplist(name, group, &groups, &count)
        return result < 0 ? [group] : Array(groups.prefix(Int(count)))
    }
}
