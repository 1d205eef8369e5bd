import Testing

@Suite struct `The repository keeps its rules` {
    static let rules: [Rule] = [
        .imports, .pureCore, .unsafeWords, .droppedErrors, .descriptorSources, .environment,
        .exhaustiveSwitches, .commentWidth,
        .fileLength,
        .functionLength, .documentation, .noLooseEnds, .noMachinePaths, .links,
    ]

    @Test(arguments: rules)
    func `every file keeps the rule`(_ rule: Rule) {
        let files = Repository.files.filter { rule.applies($0.path) }
        #expect(!files.isEmpty, "the rule is about no file at all")
        for violation in files.flatMap(rule.violations) { Issue.record("\(violation)") }
    }

    @Test(arguments: rules)
    func `a planted fault is found`(_ rule: Rule) {
        #expect(!rule.planted.isEmpty)
        for file in rule.planted {
            #expect(rule.applies(file.path), "the rule overlooks \(file.path)")
            #expect(!rule.violations(file).isEmpty, "not found in: \(file.text.prefix(200))")
        }
    }

    @Test(arguments: rules)
    func `what only looks like a fault is left alone`(_ rule: Rule) {
        for file in rule.innocent where rule.applies(file.path) {
            #expect(rule.violations(file) == [], "in: \(file.text.prefix(200))")
        }
    }
}

@Suite struct `Swift text is taken apart` {
    /// Source, then the code of each line.
    @Test(arguments: [
        ("let x = 1 // one", ["let x = 1 "]),
        ("a /* b */ c", ["a  c"]),
        ("a /* b /* c */ d */ e", ["a  e"]),
        ("/* a\nb */ c", ["", " c"]),
        ("f(\"a // b\")", ["f(\"\")"]),
        ("f(\"a \\\" b\") // c", ["f(\"\") "]),
        ("f(\"a \\(g(\"b\", h(1))) c\")", ["f(\"(g(\"\", h(1)))\")"]),
        ("f(#\"a \" \\(b) \\#(c) d\"#)", ["f(\"(c)\")"]),
        ("f(\"\"\"\n  a \"b\"\n  \"\"\")", ["f(\"", "", "\")"]),
        ("\"unended", ["\""]),
        ("\\", ["\\"]),
        ("\"\\", ["\""]),
        ("#", ["#"]),
    ])
    func `into code and comments`(_ text: String, _ expected: [String]) {
        #expect(SwiftText(text).lines.map(\.code) == expected)
    }

    @Test func `and comments keep their words`() {
        let lines = SwiftText("/// Says.\nlet x = 1  // because\n/* long\n   story */").lines
        #expect(lines.map(\.comment) == ["/ Says.", " because", " long", "   story "])
        #expect(lines.map(\.isDocumentation) == [true, false, false, false])
    }
}
