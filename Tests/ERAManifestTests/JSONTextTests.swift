import ERACore
import ERAManifest
import Testing

@Suite struct JSONTextTests {
    private static func read(_ text: String) throws(JSONSyntaxError) -> JSONValue {
        try JSONValue(jsonText: Array(text.utf8))
    }

    @Test(
        arguments: [
            ("null", .null), (" true ", true), ("\r\n\tfalse", false), ("0", 0), ("-0", 0), ("12", 12),
            ("-9223372036854775808", .integer(.min)),
            ("9223372036854775808", .number(9_223_372_036_854_775_808)), ("1.0", .number(1)),
            ("1e2", .number(100)), ("-1.5E-3", .number(-0.0015)),
            ("\"\"", ""), ("\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"", "a\"\\/\u{8}\u{C}\n\r\té"),
            ("\"\\ud83d\\ude00\"", "\u{1F600}"), ("\"é\u{2028}\"", "é\u{2028}"),
            ("[]", []), ("[ 1 , [ ] ]", [1, []]), ("{}", [:]),
            ("{\"a\":{\"b\":[null]}}", ["a": ["b": [nil]]]),
        ] as [(String, JSONValue)]
    )
    func `JSON is read as RFC 8259 defines it`(_ text: String, _ value: JSONValue) throws {
        #expect(try Self.read(text) == value)
    }

    /// The text, and the place and the beginning of the message.
    @Test(
        arguments: [
            ("", "line 1, column 1: the text ends"), ("  ", "line 1, column 3: the text ends"),
            ("[1,]", "line 1, column 4: a JSON value"),
            ("{\"a\":1,}", "line 1, column 8: a key in double quotes"),
            ("[1", "line 1, column 3: a comma or ]"), ("{\"a\" 1}", "line 1, column 6: a colon"),
            ("{\"a\":1", "line 1, column 7: a comma or }"), ("1 2", "line 1, column 3: something follows"),
            ("nul", "line 1, column 1: a JSON value"),
            ("'a'", "line 1, column 1: a JSON value"), ("01", "line 1, column 1: a number begins"),
            ("-", "line 1, column 1: a number begins"),
            ("1.", "line 1, column 3: a digit"), ("1e", "line 1, column 3: a digit"),
            (".5", "line 1, column 1: a JSON value"),
            ("+1", "line 1, column 1: a JSON value"), ("NaN", "line 1, column 1: a JSON value"),
            ("1e999", "line 1, column 1: 1e999 is too large"),
            ("\"a", "line 1, column 1: the text that begins here"),
            ("\"a\nb\"", "line 1, column 3: a control character"),
            ("\"\\x\"", "line 1, column 2: an unknown escape"),
            ("\"\\ud800\"", "line 1, column 2: half of a surrogate pair"),
            ("\"\\udc00\"", "line 1, column 2: half of a surrogate pair"),
            ("\"\\ud800\\u0041\"", "line 1, column 2: half of a surrogate pair"),
            ("\"\\u12g4\"", "line 1, column 2: four hexadecimal digits"),
            ("\"\\u+123\"", "line 1, column 2: four hexadecimal digits"),
            ("// a\n1", "line 1, column 1: a JSON value"),
            ("{\"a\":1,\n \"é\":2, \"a\":3}", "line 2, column 9: the key \"a\" stands twice"),
            ("\u{FEFF}1", "line 1, column 1: a JSON value"),
            ("{\"a\\u0062\":1,\"ab\":2}", "line 1, column 14: the key \"ab\" stands twice"),
        ] as [(String, String)]
    )
    func `what is no JSON is refused with its place`(_ text: String, _ problem: String) {
        do throws(JSONSyntaxError) {
            let value = try Self.read(text)
            Issue.record("read as \(value)")
        } catch {
            #expect(error.description.hasPrefix(problem), "\(error)")
        }
    }

    @Test(
        arguments: [[0x80, 0x22], [0xC0, 0xAF, 0x22], [0xED, 0xA0, 0x80, 0x22], [0xE2, 0x82]] as [[UInt8]]
    )
    func `invalid UTF-8 in JSON is refused`(_ bytes: [UInt8]) {
        do throws(JSONSyntaxError) {
            let value = try JSONValue(jsonText: [0x22] + bytes)
            Issue.record("read as \(value)")
        } catch {
            #expect(error.description.hasPrefix("line 1, column 2: invalid UTF-8: byte "), "\(error)")
        }
    }

    @Test func `nesting of JSON is bounded`() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(try Self.read(nested(JSONLimits.depthLimit)).array?.count == 1)
        for depth in [JSONLimits.depthLimit + 1, 100_000] {
            #expect(throws: JSONSyntaxError.self) { try Self.read(nested(depth)) }
        }
        #expect(throws: JSONSyntaxError.self) { try Self.read(String(repeating: "9", count: 1000)) }
    }
}
