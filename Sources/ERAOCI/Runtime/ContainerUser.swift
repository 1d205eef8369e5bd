/// Who a container's processes are, by number.
public struct ContainerUser: Hashable, Sendable {
    public var user: UInt32
    public var group: UInt32
    /// Further groups.
    public var groups: [UInt32]
    /// The home directory; `/` where nobody says.
    public var home: String

    public init(user: UInt32, group: UInt32, groups: [UInt32] = [], home: String = "/") {
        self.user = user
        self.group = group
        self.groups = groups
        self.home = home
    }

    public var isRoot: Bool { user == 0 }
}

/// The users and groups of an image, as its own files name them; never those of the host.
public struct ImageAccounts: Hashable, Sendable {
    /// The most bytes of each file, and of one line, that are looked at.
    public static let sizeLimit = 1 << 20
    /// The most further groups of a user.
    public static let groupLimit = 256

    private struct User: Hashable, Sendable {
        var name: Substring
        var user: UInt32
        var group: UInt32
        var home: Substring
    }

    private struct Group: Hashable, Sendable {
        var name: Substring
        var group: UInt32
        var members: [Substring]
    }

    private let users: [User]
    private let groups: [Group]

    /// - Parameters:
    ///   - passwd: The content of the image's `/etc/passwd`; empty where there is none.
    ///   - group: That of its `/etc/group`.
    public init(passwd: [UInt8], group: [UInt8]) {
        users = Self.lines(passwd).compactMap { fields in
            guard fields.count >= 4, let user = UInt32(fields[2]), let group = UInt32(fields[3]) else {
                return nil
            }
            return User(name: fields[0], user: user, group: group, home: fields.count > 5 ? fields[5] : "")
        }
        groups = Self.lines(group).compactMap { fields in
            guard fields.count >= 3, let group = UInt32(fields[2]) else { return nil }
            let members = fields.count > 3 ? fields[3].split(separator: ",") : []
            return Group(name: fields[0], group: group, members: members)
        }
    }

    private static func lines(_ bytes: [UInt8]) -> [[Substring]] {
        String(decoding: bytes.prefix(sizeLimit), as: UTF8.self).split(separator: "\n")
            .map { $0.split(separator: ":", omittingEmptySubsequences: false) }
    }

    /// Whether a text can be a user at all: `user`, `user:group`, each a name or a number.
    public static func isUser(_ text: String) -> Bool {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        return parts.allSatisfy { part in
            !part.isEmpty && part.utf8.count <= 255
                && part.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F && $0 != 0x3A }
        }
    }

    /// Finds a user; a number needs no entry, and is then in group 0, as with docker and podman.
    ///
    /// - Parameter text: `user`, `uid`, `user:group` or `uid:gid`; nil for root.
    /// - Throws: ``OCIError/malformed(_:)`` where the image has no such user or group.
    public func resolve(_ text: String?) throws(OCIError) -> ContainerUser {
        let text = text ?? "0"
        guard Self.isUser(text) else { throw .malformed("\"\(text)\" is no user") }
        let parts = text.split(separator: ":", maxSplits: 1)
        let known = users.first { $0.name == parts[0] } ?? users.first { String($0.user) == parts[0] }
        guard let number = known?.user ?? UInt32(parts[0]), number != .max else {
            throw .malformed("the image has no user \(parts[0]) in its /etc/passwd; give a number")
        }
        var found = ContainerUser(user: number, group: known?.group ?? 0)
        if let home = known?.home, home.hasPrefix("/") { found.home = String(home) }
        guard parts.count > 1 else {
            let name = known?.name ?? ""
            let further = groups.filter { $0.group != found.group && $0.members.contains(name) }.map(\.group)
            found.groups = Array(further.prefix(Self.groupLimit))
            return found
        }
        guard let group = groups.first(where: { $0.name == parts[1] })?.group ?? UInt32(parts[1]),
            group != .max
        else { throw .malformed("the image has no group \(parts[1]) in its /etc/group; give a number") }
        found.group = group
        return found
    }
}
