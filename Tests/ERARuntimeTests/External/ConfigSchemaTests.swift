import ERAContracts
import ERACore
import Testing

@testable import ERARuntime

/// Schemas that could make a lot of work of a little, and what is said of a config that does not fit.
/// That it is judged as a public validator does, `PluginSchemaTests` tests.
@Suite struct ConfigSchemaTests {
    private func schema(_ value: JSONValue, _ definitions: JSONValue = [:]) throws -> ConfigSchema {
        try ConfigSchema(["type": "object", "properties": ["v": value], "$defs": definitions])
    }

    private func problems(_ schema: ConfigSchema, _ value: JSONValue) -> [String] {
        schema.problems(["v": value]).map { "\($0.field): \($0.message)" }
    }

    @Test func `a definition that leads back to itself for the same value is refused, through any others`() {
        let definitions: [JSONValue] = [
            ["a": ["$ref": "#/$defs/a"]], ["a": ["$ref": "#/$defs/b"], "b": ["$ref": "#/$defs/a"]],
            ["a": ["anyOf": [true, ["oneOf": [["allOf": [["$ref": "#/$defs/a"]]]]]]]],
        ]
        for definitions in definitions {
            let error = #expect(throws: InvalidConfigSchema.self) { try schema(true, definitions) }
            #expect(error?.place == "configSchema.$defs.a")
            #expect(error?.problem.hasPrefix("refers to itself for the same value") == true)
        }
    }

    @Test func `a value that is too deep or costs too much is refused and not half checked`() throws {
        let twice: JSONValue = ["items": ["anyOf": [["$ref": "#/$defs/t"], ["$ref": "#/$defs/t"]]]]
        let bushy = try schema(["$ref": "#/$defs/t"], ["t": twice])
        var value: JSONValue = []
        for _ in 0..<3 { value = [value] }
        #expect(problems(bushy, value).isEmpty)
        for _ in 0..<60 { value = [value] }
        let told = problems(bushy, value)
        #expect(told.count == 1 && told[0].hasPrefix("spec.runtime.config: is too large or too deep"))
        let chain = (0..<200).map { ("d\($0)", ["$ref": .string("#/$defs/d\($0 + 1)")] as JSONValue) }
        let long = Dictionary(uniqueKeysWithValues: chain + [("d200", ["items": ["$ref": "#/$defs/d0"]])])
        let deep = try schema(["$ref": "#/$defs/d0"], .object(long))
        #expect(problems(deep, [[]]).isEmpty)
        #expect(problems(deep, [[[[]]]])[0].contains("is too large or too deep"))
    }

    @Test func `too many definitions or alternatives are refused`() {
        let many = (0...ConfigSchema.definitionLimit).map { ("d\($0)", JSONValue.boolean(true)) }
        #expect(throws: InvalidConfigSchema.self) {
            try schema(true, .object(Dictionary(uniqueKeysWithValues: many)))
        }
        let forms = [JSONValue](repeating: true, count: ConfigSchema.alternativeLimit + 1)
        #expect(throws: InvalidConfigSchema.self) { try schema(["anyOf": .array(forms)]) }
    }

    @Test func `what fits no form is told with why each does not fit`() throws {
        let forms: JSONValue = ["anyOf": [["type": "integer"], ["required": ["port"], "type": "object"]]]
        let told = problems(try schema(forms), ["host": "a"])
        #expect(
            told == [
                "spec.runtime.config.v: fits none of the 2 forms that it may have: is an object, and should "
                    + "be integer; or port is missing"
            ]
        )
        let both = try schema(["oneOf": [["minimum": 1], true, ["maximum": 1]]])
        #expect(problems(both, 2)[0].hasSuffix("v: fits the forms 1 and 2 of 3, and should fit only one"))
        let worded = try schema(["pattern": "^a"])
        #expect(problems(worded, "b") == ["spec.runtime.config.v: does not match the regular expression ^a"])
    }

    // MARK: Regular expressions

    // Expression, texts in which it is found, texts in which it is not.
    @Test(
        arguments: [
            ("", ["", "a"], []), ("^$", [""], ["a"]),
            ("a.c", ["abc", "xa👍cx"], ["a\nc", "ac", "a\u{2028}c"]),
            // Not the end of a line, but of the text.
            ("^a$", ["a"], ["a\n", "b\na"]), ("^(?:a|bc)+$", ["abca", "a"], ["", "ab"]),
            ("^a{2}b{1,}c{0,2}$", ["aab", "aabbcc"], ["ab", "aa", "aabccc"]),
            ("^a+?b??$", ["aa", "ab"], ["b"]),
            ("[]", [], ["", "a"]), ("^[^]$", ["a", "\n"], ["", "ab"]), ("^[a\\-z\\]]+$", ["a-z]"], ["b"]),
            ("^[-a]$", ["-", "a"], ["b"]), ("^[^a-c\\d]$", ["d", "٣"], ["b", "5"]),
            ("^[\\W]$", ["-", "ä"], ["_", "a"]), ("^\\w\\W\\s\\S\\D$", ["a- bc"], ["a- b1"]),
            // Digits and letters of ASCII only.
            ("^\\d+$", ["0129"], ["٣", "x"]), ("^\\w$", ["_"], ["ä"]),
            ("\\s", ["\u{A0}", "\u{FEFF}"], ["\u{85}"]),
            ("\\bcat\\b", ["a cat.", "cat"], ["cats", "concat"]), ("\\Bcat", ["concat"], ["cat"]),
            ("^\\x41\\u0042\\u{1F44D}$", ["AB👍"], ["AB"]), ("^\\/\\.\\|\\{\\}$", ["/.|{}"], ["/a|{}"]),
            // By code points, not by what looks like one character.
            ("^.$", ["👍"], ["e\u{301}", "\r\n"]), ("^(a*)*$", ["aaaa", ""], ["b"]),
            ("(^a|b$)*c", ["c", "ac"], ["a"]),
            ("^(^a)*$", ["a", ""], ["aa"]), ("(()|a){3}b", ["b"], ["a"]),
        ] as [(String, [String], [String])]
    )
    func `an expression is found where ECMA-262 finds it`(
        _ text: String,
        _ found: [String],
        _ others: [String]
    ) throws {
        let pattern = try SchemaPattern(text)
        #expect(found.filter { pattern.isFound(in: $0) != true } == [])
        #expect(others.filter { pattern.isFound(in: $0) != false } == [])
    }

    @Test(
        arguments: [
            "(", ")", "a)", "(?=a)", "(?!a)", "(?<=a)", "(?<n>a)", "(?i)a", "*", "a**", "a{2}{3}", "a++",
            "^*", "\\b+",
            "a{", "a{}", "a{,2}", "a{2,1}", "a{x}", "a{1001}", "}", "]", "[a", "[a-", "[z-a]", "[\\w-z]",
            "\\", "\\1",
            "\\k<n>", "\\p{L}", "\\a", "\\A", "\\-", "\\cA", "\\0", "\\x4", "\\xZZ", "\\u123", "\\u{110000}",
            "\\u{41", "\\u{}", "\\uD83D", "[\\u{1F44D]", "(a{100}){100}", "(((a{1000}){1000}){1000}){1000}",
        ]
    )
    func `an expression that ERA does not follow is refused`(_ text: String) {
        #expect(throws: InvalidPattern.self) { try SchemaPattern(text) }
    }

    @Test(.timeLimit(.minutes(1)))
    func `an expression takes no longer than its text and itself are long`() throws {
        // Each takes other matchers more steps than there are atoms.
        let greedy = "(.*)(.*)(.*)(.*)(.*)(.*)(.*)x$"
        for text in ["^(\\w+ ?)*$", "^(a+)+$", "^(a|a)*$", greedy, "^((a{0,30}){0,30})?$"] {
            let pattern = try SchemaPattern(text)
            let letters = String(repeating: "a", count: SchemaPattern.textLimit - 1)
            #expect(pattern.isFound(in: letters + "!") == false)
            #expect(pattern.isFound(in: letters + "!!") == nil)
        }
        #expect(try SchemaPattern("((((){1000}){1000}){1000}){1000}").isFound(in: "") == true)
    }

    @Test(.timeLimit(.minutes(1)))
    func `many long texts against a large expression are refused before they take long`() throws {
        let texts = try schema(["items": ["pattern": "^[a-z]{1,1000}$"]])
        let long = JSONValue.string(String(repeating: "a", count: SchemaPattern.textLimit))
        let told = problems(texts, .array(Array(repeating: long, count: 250)))
        #expect(told.count == 1)
        #expect(told.first?.contains("too large or too deep") == true, "\(told)")
        #expect(problems(texts, .array([.string("abc")])).isEmpty)
    }

    @Test func `an expression has a bound, and so has a text`() throws {
        #expect(throws: InvalidPattern.self) { try SchemaPattern(String(repeating: "a", count: 1025)) }
        #expect(throws: InvalidPattern.self) {
            try SchemaPattern(String(repeating: "(", count: 33) + String(repeating: ")", count: 33))
        }
        let told = problems(try schema(["pattern": "a"]), .string(String(repeating: "b", count: 4097)))
        #expect(told.first?.contains("has more than 4096 characters") == true)
    }
}
