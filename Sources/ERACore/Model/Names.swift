/// Whether `text` is an RFC 1123 label: 1 to 63 of `a-z`, `0-9` and `-`, with an alphanumeric at both ends.
///
/// Source: RFC 1123 section 2.1, as Kubernetes reads it (`IsDNS1123Label`).
func isDNSLabel(_ text: some StringProtocol) -> Bool {
    let bytes = Substring(text).utf8
    guard let first = bytes.first, let last = bytes.last, bytes.count <= nameLengthLimit else { return false }
    func isAlphanumeric(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
    guard isAlphanumeric(first), isAlphanumeric(last) else { return false }
    return bytes.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
}

/// The longest name in bytes (RFC 1123 section 2.1).
public let nameLengthLimit = 63

/// A text of one RFC 1123 label; the kind of name says what it names.
public protocol Label: RawRepresentable<String>, Hashable, Sendable, Codable, Comparable,
    CustomStringConvertible
{
    /// What the label names, as in "a deployment name".
    static var noun: String { get }
    /// Wraps a text that is known to be a label; callers outside go through `init(_:)`.
    init(checked: String)
}

extension Label {
    /// - Throws: ``InvalidValue`` when the text is not an RFC 1123 label.
    public init(_ text: some StringProtocol) throws(InvalidValue) {
        guard isDNSLabel(text) else {
            throw InvalidValue(
                String(text),
                expected: "\(Self.noun): 1 to \(nameLengthLimit) of a-z, 0-9 and '-', "
                    + "starting and ending with a letter or digit"
            )
        }
        self.init(checked: String(text))
    }

    public init?(rawValue: String) { try? self.init(rawValue) }  // a failed init has no other reason
    public init(from decoder: any Decoder) throws { try self.init(String(from: decoder)) }
    public func encode(to encoder: any Encoder) throws { try rawValue.encode(to: encoder) }
    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    public var description: String { rawValue }
}

/// The name of a deployment, unique within its namespace.
public struct DeploymentName: Label {
    public static let noun = "a deployment name"
    public let rawValue: String
    public init(checked: String) { rawValue = checked }
}

/// The name of a namespace.
public struct NamespaceName: Label {
    public static let noun = "a namespace"
    /// The namespace of a manifest that names none.
    public static let `default` = NamespaceName(checked: "default")
    public let rawValue: String
    public init(checked: String) { rawValue = checked }
}

/// The name of a runtime plugin: `process`, `wasm`, `container`, or that of an `era-plugin-NAME` executable.
public struct PluginName: Label {
    public static let noun = "a plugin name"
    public static let process = PluginName(checked: "process")
    public static let container = PluginName(checked: "container")
    public let rawValue: String
    public init(checked: String) { rawValue = checked }
}

/// The name of a port, a volume, a secret or another part of a manifest.
public struct PartName: Label {
    public static let noun = "a name"
    public let rawValue: String
    public init(checked: String) { rawValue = checked }
}

/// What identifies a deployment, and orders deployments: its namespace and its name.
public struct DeploymentKey: Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
    public let namespace: NamespaceName
    public let name: DeploymentName

    public init(namespace: NamespaceName = .default, name: DeploymentName) {
        self.namespace = namespace
        self.name = name
    }

    /// `namespace/name`.
    public var description: String { "\(namespace)/\(name)" }

    public static func < (left: Self, right: Self) -> Bool {
        (left.namespace, left.name) < (right.namespace, right.name)
    }
}

/// The number of a revision: 1 for the first of a deployment, never used twice.
public struct RevisionNumber: Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
    public let rawValue: Int

    public init(_ rawValue: Int) { self.rawValue = rawValue }
    public init(from decoder: any Decoder) throws { rawValue = try Int(from: decoder) }
    public func encode(to encoder: any Encoder) throws { try rawValue.encode(to: encoder) }

    public var next: RevisionNumber { RevisionNumber(rawValue + 1) }
    public var description: String { String(rawValue) }
    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// The one instance that a revision of a deployment can have.
///
/// Derived, never drawn: whoever knows the record can find the instance again, so nothing that was
/// started can be lost.
public struct InstanceID: Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
    public let deployment: DeploymentKey
    public let revision: RevisionNumber

    public init(_ deployment: DeploymentKey, _ revision: RevisionNumber) {
        self.deployment = deployment
        self.revision = revision
    }

    /// `namespace/name/revision`, which is also the path of its files below `instances/`.
    public var description: String { "\(deployment)/\(revision)" }

    public static func < (left: Self, right: Self) -> Bool {
        (left.deployment, left.revision) < (right.deployment, right.revision)
    }
}
