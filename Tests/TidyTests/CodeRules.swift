extension Rule {
    /// The core is a function: whatever time, chance, the world or a caller decides comes in as a value.
    static let pureCore = Rule.lineRule(
        "the core is synchronous and pure",
        applies: { $0.hasPrefix("Sources/ERACore/") },
        excusable: false,
        planted: [
            "func f() async {}", "await g()", "let now = Date()", "let id = UUID()",
            "Double.random(in: 0..<1)",
            "list.shuffled()", "print(1)", "let p: any Prober", "ContinuousClock.now", "getenv(name)",
            "Task { }",
        ].map { TextFile(path: "Sources/ERACore/X.swift", text: $0) },
        innocent: [
            "init(from decoder: any Decoder) throws {}", "/// await the Date() and print(it)",
            "let asyncName = 1",
            "let text = \"Date() \\(x)\"", "func fingerprint(_ x: Int) {}",
        ].map { TextFile(path: "Sources/ERACore/X.swift", text: $0) }
    ) { code in
        let words = [
            "async", "await", "actor", "Task", "Date(", "UUID(", "print(", "getenv(", "ContinuousClock",
            "SuspendingClock", "SystemRandomNumberGenerator",
        ]
        if let word = words.first(where: code.containsWord) { return "\(word) has no place in the core" }
        if code.contains(".random") || code.contains(".shuffled()") || code.contains(".randomElement()") {
            return "chance comes into the core as a value"
        }
        // Codable's own requirements are spelt with these three.
        let existential = code.replacing("any Decoder", with: "").replacing("any Encoder", with: "")
            .replacing("any CodingKey", with: "")
        return existential.containsWord("any ") ? "the core depends on no protocol of others" : nil
    }

    /// What turns a mistake into a crash or a data race.
    static let unsafeWords = Rule.lineRule(
        "nothing unsafe goes without its proof",
        applies: isSource,
        excusable: true,
        planted: [
            "let x = try! f()", "final class X: @unchecked Sendable {}", "nonisolated(unsafe) var x = 1",
            "Task.detached {}", "fatalError(reason)", "let y = x as! Int", "@preconcurrency import M",
            "// short\nlet x = try! f()", "/// A documentation comment is no proof at all.\nlet x = try! f()",
            "let x = \"\\(try! f())\"",
        ].map { TextFile(path: "Sources/ERAStore/X.swift", text: $0) },
        innocent: [
            "// Constant and well-formed, as the test proves.\nlet x = try! f()",
            "let x = try! f()  // the text is a constant", "let text = \"try! fatalError(\"",
            "let text = \"\"\"\n    try! \"quoted\"\n    \"\"\"", "let text = #\"a \" try! \"#", "// try! it",
        ].map { TextFile(path: "Sources/ERAStore/X.swift", text: $0) }
    ) { code in
        let words = [
            "try!", "@unchecked Sendable", "nonisolated(unsafe)", "Task.detached", "fatalError(", "as!",
            "@preconcurrency", "unsafeBitCast(",
        ]
        return words.first(where: code.containsWord).map { "\($0) needs a comment that proves it safe" }
    }

    /// An error that is dropped has to say why nobody misses it.
    static let droppedErrors = Rule.lineRule(
        "an error is dropped only for a reason",
        applies: isSource,
        excusable: true,
        planted: [TextFile(path: "Sources/ERAStore/X.swift", text: "let x = try? f()")],
        innocent: [
            TextFile(
                path: "Sources/ERAStore/X.swift",
                text: "// Gone already is as good.\n_ = try? remove()"
            ),
            TextFile(path: "Sources/ERAStore/X.swift", text: "let x = try f()"),
        ]
    ) { $0.containsWord("try?") ? "try? needs a comment" : nil }

    /// On Linux the process dies of them now and then (docs/adr/0015).
    static let descriptorSources = Rule.lineRule(
        "no source of Dispatch watches a descriptor",
        applies: isSource,
        excusable: false,
        planted: [
            "DispatchSource.makeReadSource(fileDescriptor: 1)",
            "let source = DispatchSource.makeWriteSource(fileDescriptor: 1, queue: queue)",
        ].map { TextFile(path: "Sources/ERARuntime/X.swift", text: $0) },
        innocent: ["DispatchSource.makeTimerSource()", "// makeReadSource dies"]
            .map { TextFile(path: "Sources/ERARuntime/X.swift", text: $0) }
    ) { code in
        code.containsWord("makeReadSource") || code.containsWord("makeWriteSource")
            ? "use DescriptorWatch" : nil
    }

    /// Only the composition root knows of the environment.
    static let environment = Rule.lineRule(
        "the environment is read by the programs alone",
        applies: {
            $0.hasPrefix("Sources/") && !$0.hasPrefix("Sources/era/") && !$0.hasPrefix("Sources/era-shim/")
        },
        excusable: true,
        planted: ["let x = getenv(name)", "ProcessInfo.processInfo.environment", "let all = environ"]
            .map { TextFile(path: "Sources/ERARuntime/X.swift", text: $0) },
        innocent: [
            TextFile(path: "Sources/ERARuntime/X.swift", text: "instance.environment.map { $0 }"),
            TextFile(path: "Sources/era/X.swift", text: "getenv(name)"),
        ]
    ) { code in
        ["getenv(", "secure_getenv(", "ProcessInfo", "environ"].first(where: code.containsWord)
            .map { "\($0) belongs into Sources/era" }
    }

    /// A new case must break the build everywhere it matters.
    static let exhaustiveSwitches = Rule.lineRule(
        "the core's switches name every case",
        applies: { $0.hasPrefix("Sources/ERACore/") },
        excusable: true,
        planted: [
            TextFile(path: "Sources/ERACore/X.swift", text: "switch x {\ncase .a: 1\ndefault: 2\n}"),
            TextFile(path: "Sources/ERACore/X.swift", text: "@unknown default: 2"),
        ],
        innocent: [
            TextFile(path: "Sources/ERACore/X.swift", text: "// A string has no end of cases.\ndefault: 2"),
            TextFile(path: "Sources/ERACore/X.swift", text: "init(namespace: NamespaceName = .default) {}"),
        ]
    ) { code in
        let trimmed = code.trimmingPrefix { $0 == " " }
        return trimmed.hasPrefix("default:") || trimmed.hasPrefix("@unknown default")
            ? "default: hides the cases that are still to come" : nil
    }

    static let isSource: @Sendable (String) -> Bool = {
        $0.hasPrefix("Sources/") || $0.hasPrefix("samples/")
    }
}
