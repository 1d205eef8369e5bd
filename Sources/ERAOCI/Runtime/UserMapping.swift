/// Which users and groups of the host those of a container are, where the daemon is not root.
///
/// Root of the container is the daemon's own user. The others, from 1 on, are the ranges that `/etc/subuid`
/// and `/etc/subgid` give to it; where these give none there are no others. Source: user_namespaces(7),
/// subuid(5).
public struct UserMapping: Hashable, Sendable {
    /// The most bytes of each file that are looked at.
    public static let sizeLimit = 1 << 20
    /// The most ranges of users, and of groups. Source: with our own they fit what era-shim takes.
    public static let rangeLimit = 8

    /// Numbers that follow each other.
    struct Range: Hashable, Sendable {
        var inside: UInt32
        var outside: UInt32
        var count: UInt32

        var text: String { "\(inside) \(outside) \(count)" }
    }

    let users: [Range]
    let groups: [Range]

    /// Only root of the container, which is this user.
    public init(user: UInt32, group: UInt32) {
        users = [Range(inside: 0, outside: user, count: 1)]
        groups = [Range(inside: 0, outside: group, count: 1)]
    }

    /// What the files give to a user; nil where one of them gives nothing.
    ///
    /// - Parameters:
    ///   - name: Of the user; a line may have its number instead.
    ///   - subuid: The content of `/etc/subuid`; `subgid` likewise.
    public init?(user: UInt32, group: UInt32, name: String, subuid: [UInt8], subgid: [UInt8]) {
        let names = [name, String(user)]
        let users = Self.ranges(subuid, for: names, beside: user)
        let groups = Self.ranges(subgid, for: names, beside: group)
        guard !users.isEmpty, !groups.isEmpty else { return nil }
        self.users = [Range(inside: 0, outside: user, count: 1)] + users
        self.groups = [Range(inside: 0, outside: group, count: 1)] + groups
    }

    /// Lines of `name:first:count`. What is no such line, or has our own number in it, gives nothing.
    private static func ranges(_ bytes: [UInt8], for names: [String], beside own: UInt32) -> [Range] {
        var found: [Range] = []
        var inside: UInt32 = 1
        for line in String(decoding: bytes.prefix(sizeLimit), as: UTF8.self).split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            guard found.count < rangeLimit, fields.count == 3, names.contains(fields[0]),
                let first = UInt32(fields[1]), let count = UInt32(fields[2]), first > 0, count > 0
            else { continue }
            let (end, isBeyond) = first.addingReportingOverflow(count)
            let (next, isFull) = inside.addingReportingOverflow(count)
            guard !isBeyond, !isFull, !(first..<end).contains(own),
                !found.contains(where: { $0.outside < end && first < $0.outside + $0.count })
            else { continue }
            found.append(Range(inside: inside, outside: first, count: count))
            inside = next
        }
        return found
    }

    /// Whether there is root alone.
    public var hasRootOnly: Bool { users.count == 1 && groups.count == 1 }

    /// The numbers of users that there are, from 0 on.
    public var userCount: UInt32 { users.reduce(0) { $0 + $1.count } }
    /// The same of groups.
    public var groupCount: UInt32 { groups.reduce(0) { $0 + $1.count } }

    /// The numbers as `newuidmap` takes them, and, for root alone, the kernel.
    public var userText: String { users.map(\.text).joined(separator: " ") }
    /// As `newgidmap` takes them.
    public var groupText: String { groups.map(\.text).joined(separator: " ") }

    /// Sixteen hexadecimal digits: files that were unpacked for one mapping have wrong owners in another.
    public var tag: String {
        // FNV-1a of 64 bits: it tells mappings of one user apart, and defends against nobody.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in "\(userText)/\(groupText)".utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
        }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }

    /// The user as far as there is one: groups that are not there are left out, as is what they would allow.
    ///
    /// - Throws: ``OCIError/malformed(_:)`` where user or group is none of these.
    public func resolve(_ user: ContainerUser) throws(OCIError) -> ContainerUser {
        guard user.user < userCount, user.group < groupCount else {
            throw .malformed(
                hasRootOnly
                    ? "user \(user.user):\(user.group) is not there, root is the only one"
                    : "user \(user.user):\(user.group) is beyond the \(userCount) users and \(groupCount) groups"
            )
        }
        var known = user
        // Where there is root alone the kernel forbids to change them.
        known.groups = hasRootOnly ? [] : user.groups.filter { $0 < groupCount }
        return known
    }
}
