/// A program that runs containers by the OCI runtime specification, and its version.
public struct ContainerEngine: Hashable, Sendable, CustomStringConvertible {
    public enum Name: String, Hashable, Sendable, CaseIterable {
        case runc, crun

        /// The oldest version that is used. runc 1.1 and crun 1.0 know `defaultErrnoRet` of seccomp, by which
        /// programs see a system call that is not allowed as one that is not there.
        public var minimum: ContainerEngine {
            switch self {
            case .runc: ContainerEngine(name: self, version: [1, 1, 0])
            case .crun: ContainerEngine(name: self, version: [1, 0, 0])
            }
        }
    }

    public let name: Name
    /// Major, minor, patch.
    private let version: [Int]

    private init(name: Name, version: [Int]) {
        self.name = name
        self.version = version
    }

    /// Reads what `--version` prints: `runc version 1.1.5+ds1`, `crun version 1.20`, on its first line.
    ///
    /// Nil for anything else. A release candidate counts as the release before it.
    public init?(versionOutput text: String) {
        let words = (text.split(separator: "\n").first ?? "").split(separator: " ")
        guard words.count >= 3, let name = Name(rawValue: String(words[0])), words[1] == "version" else {
            return nil
        }
        let digits = words[2].prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        var version = digits.split(separator: ".").prefix(3).compactMap { Int($0) }
        guard version.count >= 2 else { return nil }
        while version.count < 3 { version.append(0) }
        let isCandidate = words[2].dropFirst(digits.utf8.count).hasPrefix("-rc")
        self.init(name: name, version: isCandidate ? version.map { max(0, $0 - 1) } : version)
    }

    /// Whether it is new enough.
    public var isSupported: Bool { !version.lexicographicallyPrecedes(name.minimum.version) }

    public var description: String { "\(name.rawValue) \(version.map(String.init).joined(separator: "."))" }
}
