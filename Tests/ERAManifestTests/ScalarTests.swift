import ERACore
import Testing

@testable import ERAManifest

/// A field of the spec with a scalar of another type, and what is said about it.
let wrongScalars: [(field: String, message: String)] = [
    (
        "version: 1.10",
        "the number 1.10 is not a semantic version such as \"1.10.0\"; put it in quotes, as in \"1.10.0\""
    ),
    (
        "version: 1",
        "the number 1 is not a semantic version such as \"1.10.0\"; put it in quotes, as in \"1.10.0\""
    ),
    ("version: \"1.10\"", "\"1.10\" is not a semantic version such as 1.2.3, 1.2.3-rc.1 or 1.2.3+build"),
    ("version:", "is empty; it takes a semantic version such as \"1.10.0\""),
    ("suspend: no", "\"no\" is not a boolean; write true or false, without quotes"),
    ("suspend: on", "\"on\" is not a boolean; write true or false, without quotes"),
    ("suspend: 1", "the number 1 is not a boolean; write true or false"),
    ("args: [8080]", "the number 8080 is not a text; put it in quotes: \"8080\""),
    ("args: [true]", "the boolean true is not a text; put it in quotes: \"true\""),
    ("args: [~]", "is empty; it takes a text"),
    ("args: [0123]", "the number 0123 is not a text; put it in quotes: \"0123\""),
    ("args: x", "the text \"x\" is not a list; put it in brackets"),
    ("args: {a: b}", "a mapping is not a list"),
    ("args:", "empty is not a list"),
    ("revisionHistoryLimit: \"3\"", "\"3\" is a text; write the number without quotes"),
    ("revisionHistoryLimit: 1.5", "1.5 is not a whole number between 0 and 1000"),
    (
        "revisionHistoryLimit: 18446744073709551616",
        "18446744073709551616 is not a whole number between 0 and 1000"
    ),
    ("revisionHistoryLimit: .inf", ".inf is not a whole number between 0 and 1000"),
    ("revisionHistoryLimit: .nan", ".nan is not a whole number between 0 and 1000"),
    ("revisionHistoryLimit: 22:22", "\"22:22\" is not a whole number between 0 and 1000"),
    ("revisionHistoryLimit: [3]", "a list is not a whole number between 0 and 1000"),
    ("retry: {factor: .inf}", ".inf is not a number between 1 and 100"),
    ("retry: {factor: .nan}", ".nan is not a number between 1 and 100"),
    ("retry: {factor: x}", "\"x\" is not a number between 1 and 100"),
    (
        "update: {strategy: recreate}",
        "\"recreate\" is not one of Recreate or BlueGreen; did you mean Recreate?"
    ),
    ("stop: {signal: 9}", "the number 9 is not one of TERM, INT, QUIT, HUP, USR1, USR2 or KILL"),
    ("stop: {grace: 10}", "10 is a number without a unit; write 10s, for example"),
    ("stop: x", "the text \"x\" is not a mapping with fields such as signal and grace"),
]

@Suite struct ScalarTests {
    /// YAML 1.2.2, section 10.3.2. What YAML 1.1 would read differently is marked.
    @Test(
        arguments: [
            ("", .null), ("~", .null), ("null", .null), ("Null", .null), ("NULL", .null), ("nULL", "nULL"),
            ("true", true), ("True", true), ("FALSE", false), ("tRUE", "tRUE"),
            // 1.1: booleans
            ("yes", "yes"), ("no", "no"), ("on", "on"), ("off", "off"), ("y", "y"), ("N", "N"),
            ("0", 0), ("12", 12), ("-12", -12), ("+12", 12),
            ("9223372036854775807", 9_223_372_036_854_775_807),
            ("18446744073709551616", .number(18_446_744_073_709_551_616)),
            // 1.1: octal 83; 1.2: octal has an o
            ("0123", 123), ("0o17", 15), ("0x1F", 31), ("0o8", "0o8"), ("0xG", "0xG"), ("0x", "0x"),
            ("0x-1", "0x-1"),
            // 1.1: base 60, and digits may be grouped
            ("22:22", "22:22"), ("190:20:30", "190:20:30"), ("1_000", "1_000"), ("0b11", "0b11"),
            ("1.5", .number(1.5)), (".5", .number(0.5)), ("5.", .number(5)), ("1e3", .number(1000)),
            ("-1.5E-3", .number(-0.0015)), ("1.10", .number(1.1)), ("1e", "1e"), (".", "."), ("-", "-"),
            ("+", "+"),
            (".e1", ".e1"), ("1.2.3", "1.2.3"), ("1 2", "1 2"),
            (".inf", .number(.infinity)), ("-.INF", .number(-.infinity)), ("+.Inf", .number(.infinity)),
            ("inf", "inf"), ("nan", "nan"), ("Infinity", "Infinity"), ("0x1p3", "0x1p3"),
            ("2026-01-02", "2026-01-02"), ("<<", "<<"), ("=", "="),
        ] as [(String, JSONValue)]
    )
    func `plain scalars have the types of the core schema`(_ text: String, _ value: JSONValue) {
        #expect(CoreSchema.value(ofPlain: text) == value)
    }

    @Test func `not a number is a number`() {
        for text in [".nan", ".NaN", ".NAN"] {
            guard case .number(let value) = CoreSchema.value(ofPlain: text) else {
                Issue.record("\(text) is no number")
                continue
            }
            #expect(value.isNaN)
        }
        #expect(CoreSchema.value(ofPlain: "-.nan") == "-.nan")
    }

    @Test(arguments: wrongScalars.map(\.field))
    func `a scalar of another type is refused with what to write`(_ field: String) throws {
        let message = try #require(wrongScalars.first { $0.field == field }).message
        #expect(file(manifest(field: field)).diagnostics.map(\.message) == [message])
    }

    /// Whole numbers in all their spellings.
    @Test(arguments: ["10", "0o12", "0xA", "10.0", "1e1", "+10", "0010"])
    func `a whole number is one however it is written`(_ text: String) {
        #expect(
            file(manifest(spec: "  revisionHistoryLimit: \(text)")).entries.first?.deployment.spec
                .revisionHistoryLimit == 10
        )
    }

    @Test(
        arguments: [
            ("18446744073709551616", "does not fit 64 bits; quote it"),
            (".inf", "is not a number that JSON has; quote it"),
        ] as [(String, String)]
    )
    func `numbers that JSON would lose are refused in a plugin's fields`(_ number: String, _ message: String)
    {
        let text = manifest().replacingFirst("process}", with: "process, config: {a: [{b: \(number)}]}}")
        #expect(problems(text) == ["6:47: error: spec.runtime.config.a[0].b: \(number) \(message)"])
    }

    @Test func `a tag of YAML's own says the type`() {
        let text = manifest(
            spec: "  args: [!!str 8080, ! true, !!str ~]\n  env: !!seq [!!map {name: A, value: !!str 1}]"
        )
        #expect(file(text).entries.first?.deployment.spec.args == ["8080", "true", "~"])
    }
}
