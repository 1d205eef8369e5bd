public import ERACore
internal import ERAManifest

/// What the suite found out about one plugin.
public struct ConformanceReport: Hashable, Sendable {
    /// What came of one check.
    public struct Entry: Hashable, Sendable {
        /// How a check ended.
        public enum Result: Hashable, Sendable {
            case passed
            /// What was expected and what was there, as a sentence.
            case failed(String)
            /// Why it does not concern this plugin.
            case skipped(String)
        }

        /// `absent-is-a-value`; never changes.
        public var id: String
        /// What must hold, as a sentence.
        public var title: String
        public var result: Result
        public var duration: Duration
    }

    /// The name by which the plugin was given.
    public var subject: String
    /// What the plugin says of itself; nil where it does not get that far.
    public var plugin: String?
    public var entries: [Entry]

    /// Whether no check failed.
    public var isPassed: Bool { failures.isEmpty }

    /// Those that failed, in the order of the suite.
    public var failures: [Entry] {
        entries.filter { if case .failed = $0.result { true } else { false } }
    }

    /// For people: a line for each check, and what is to be done about those that failed.
    public var text: String {
        let lines = entries.map { entry in
            let seconds = "\(Self.seconds(entry.duration)) s"
            switch entry.result {
            case .passed: return "ok    \(entry.id): \(entry.title) (\(seconds))"
            case .skipped(let why): return "skip  \(entry.id): \(why)"
            case .failed(let why): return "FAIL  \(entry.id): \(entry.title)\n      \(why)"
            }
        }
        let skipped = entries.count { if case .skipped = $0.result { true } else { false } }
        let passed = entries.count - skipped - failures.count
        let sum = "\(plugin ?? subject): \(passed) passed, \(failures.count) failed, \(skipped) skipped"
        let end = isPassed ? sum : sum + "\nWhat each check asks for: docs/plugins.md, \"Testing it\"."
        return (lines + ["", end]).joined(separator: "\n")
    }

    /// For programs.
    public var json: JSONValue {
        [
            "kind": "ConformanceReport",
            "apiVersion": "plugin.era.dev/v1",
            "subject": .string(subject),
            "plugin": plugin.map { .string($0) } ?? .null,
            "passed": .boolean(isPassed),
            "checks": .array(
                entries.map { entry in
                    var members: [String: JSONValue] = [
                        "id": .string(entry.id), "title": .string(entry.title),
                        "seconds": .number(Double(Self.seconds(entry.duration)) ?? 0),
                    ]
                    switch entry.result {
                    case .passed: members["result"] = "passed"
                    case .failed(let why):
                        members["result"] = "failed"
                        members["message"] = .string(why)
                    case .skipped(let why):
                        members["result"] = "skipped"
                        members["message"] = .string(why)
                    }
                    return .object(members)
                }
            ),
        ]
    }

    /// For CI systems: the form that JUnit's runner of Ant writes, which all of them read.
    public var junit: String {
        let skipped = entries.count { if case .skipped = $0.result { true } else { false } }
        let total = entries.reduce(Duration.zero) { $0 + $1.duration }
        var lines = [
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
            "<testsuite name=\"\(Self.escaped("era plugins test \(subject)"))\" tests=\"\(entries.count)\""
                + " failures=\"\(failures.count)\" skipped=\"\(skipped)\" errors=\"0\""
                + " time=\"\(Self.seconds(total))\">",
        ]
        for entry in entries {
            let head =
                "  <testcase classname=\"\(Self.escaped(plugin ?? subject))\" name=\"\(Self.escaped(entry.id))\""
                + " time=\"\(Self.seconds(entry.duration))\""
            switch entry.result {
            case .passed: lines.append(head + "/>")
            case .failed(let why):
                lines.append(
                    head
                        + "><failure message=\"\(Self.escaped(why))\">\(Self.escaped(entry.title))</failure></testcase>"
                )
            case .skipped(let why):
                lines.append(head + "><skipped message=\"\(Self.escaped(why))\"/></testcase>")
            }
        }
        return (lines + ["</testsuite>"]).joined(separator: "\n")
    }

    private static func seconds(_ duration: Duration) -> String {
        let milliseconds =
            duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
        let rest = String(milliseconds % 1000)
        return "\(milliseconds / 1000).\(String(repeating: "0", count: 3 - rest.count))\(rest)"
    }

    /// Source: XML 1.0, section 2.4; what XML has no room for becomes a question mark (section 2.2).
    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "\n": escaped += "&#10;"
            case _ where scalar.value < 0x20 || scalar.value == 0xFFFE || scalar.value == 0xFFFF:
                escaped += "?"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
