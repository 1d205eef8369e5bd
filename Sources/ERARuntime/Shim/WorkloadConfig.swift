internal import ERAContracts
internal import ERACore

/// The fields of `spec.runtime.config` that every plugin below a shim has: its log, limits of the process.
struct WorkloadConfig: Hashable, Sendable {
    /// A resource that setrlimit(2) limits, by the name that systemd and the shell's `ulimit` know it by.
    static let resources: [(name: String, number: Int32)] = [
        ("as", 9), ("core", 4), ("cpu", 0), ("data", 2), ("fsize", 1), ("memlock", 8), ("nofile", 7),
        ("nproc", 6), ("stack", 3),
    ]
    static let logMaxSizeRange = ByteCount(4 << 10)...ByteCount(1 << 30)
    static let logMaxFilesRange: ClosedRange<Int64> = 1...100
    static let oomScoreRange: ClosedRange<Int64> = -1000...1000

    /// What is wrong with a field; the name may lead further down.
    typealias Problem = (field: String, message: String)

    /// What became of a field.
    enum Taken {
        case fine
        case wrong(Problem)
        /// It is none of these.
        case unknown
    }

    var logMaxSize = ByteCount(10 << 20)
    var logMaxFiles = 5
    var limits: [ShimLaunch.ResourceLimit] = []
    var oomScoreAdjust: Int?

    /// Takes the value of a field, if it is one of these.
    mutating func take(_ name: String, _ value: JSONValue) -> Taken {
        switch name {
        case "logMaxSize":
            // A text that is no size is what the next line reports.
            let size = value.integer.map { ByteCount($0) } ?? value.string.flatMap { try? ByteCount($0) }
            guard let size, Self.logMaxSizeRange.contains(size) else {
                return .wrong((name, "is not a size from 4Ki to 1Gi"))
            }
            logMaxSize = size
        case "logMaxFiles":
            guard let count = value.integer, Self.logMaxFilesRange.contains(count) else {
                return .wrong((name, "is not a number from 1 to 100"))
            }
            logMaxFiles = Int(count)
        case "oomScoreAdjust":
            guard let score = value.integer, Self.oomScoreRange.contains(score) else {
                return .wrong((name, "is not a number from -1000 to 1000"))
            }
            oomScoreAdjust = Int(score)
        case "rlimits": return takeLimits(value)
        default: return .unknown
        }
        return .fine
    }

    private mutating func takeLimits(_ value: JSONValue) -> Taken {
        guard let members = value.object else { return .wrong(("rlimits", "is not an object")) }
        for (name, value) in members.sorted(by: { $0.key < $1.key }) {
            guard let resource = Self.resources.first(where: { $0.name == name }) else {
                let known = Self.resources.map(\.name).joined(separator: ", ")
                return .wrong(("rlimits.\(name)", "is not a limit; there are \(known)"))
            }
            if value.string == "unlimited" {
                limits.append(.init(resource: resource.number, soft: nil, hard: nil))
            } else if let number = value.integer, number >= 0 {
                limits.append(.init(resource: resource.number, soft: UInt64(number), hard: UInt64(number)))
            } else {
                return .wrong(("rlimits.\(name)", "is neither a number nor \"unlimited\""))
            }
        }
        return .fine
    }

    /// The JSON Schema (2020-12) of a plugin's config: these fields and its own.
    static func schema(with own: [String: JSONValue] = [:]) -> JSONValue {
        [
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "additionalProperties": false,
            "properties": .object(fields.merging(own) { _, own in own }),
        ]
    }

    private static let fields: [String: JSONValue] = [
        "logMaxSize": [
            "type": ["string", "integer"],
            "default": "10Mi",
            "description": "Size at which the log file is rotated, from 4Ki to 1Gi.",
        ],
        "logMaxFiles": [
            "type": "integer",
            "minimum": 1,
            "maximum": 100,
            "default": 5,
            "description": "How many log files are kept, the current one included.",
        ],
        "rlimits": [
            "type": "object",
            "additionalProperties": false,
            "description": "Limits of setrlimit(2), soft and hard: a number or \"unlimited\".",
            "properties": .object(
                Dictionary(
                    resources.map { ($0.name, ["type": ["integer", "string"], "minimum": 0]) },
                    uniquingKeysWith: { first, _ in first }
                )
            ),
        ],
        "oomScoreAdjust": [
            "type": "integer",
            "minimum": -1000,
            "maximum": 1000,
            "description": "Advice to the kernel whom to end when memory runs out: 1000 this one first.",
        ],
    ]
}

/// Reads the fields of a config in their order, and says what is wrong with them.
///
/// - Parameter take: Takes one field.
func configProblems(
    _ value: JSONValue,
    of plugin: PluginName,
    _ take: (String, JSONValue) -> WorkloadConfig.Taken
) -> [WorkloadConfig.Problem] {
    guard let members = value.object else { return [("", "is not an object")] }
    return members.sorted { $0.key < $1.key }.compactMap { name, value in
        switch take(name, value) {
        case .fine: nil
        case .wrong(let problem): problem
        case .unknown: (name, "is not a field of the \(plugin) plugin's config")
        }
    }
}

extension SpecProblem {
    /// A problem of a field of `spec.runtime.config`.
    init(config problem: WorkloadConfig.Problem) {
        let field = problem.field.isEmpty ? "" : ".\(problem.field)"
        self.init(field: "spec.runtime.config\(field)", message: problem.message)
    }
}
