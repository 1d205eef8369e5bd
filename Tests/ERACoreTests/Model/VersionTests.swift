import Testing

@testable import ERACore

@Suite struct SemanticVersionTests {
    // https://semver.org/spec/v2.0.0.html, items 2, 9 and 10, and the
    // answers to its FAQ on regular expressions.
    @Test(arguments: [
        "0.0.4", "1.2.3", "10.20.30", "1.1.2-prerelease+meta", "1.1.2+meta", "1.1.2+meta-valid",
        "1.0.0-alpha",
        "1.0.0-alpha.beta.1", "1.0.0-alpha0.valid", "1.0.0-rc.1+build.1", "2.0.0+build.1848",
        "1.0.0-alpha-a.b-c-somethinglong+build.1-aef.1-its-okay", "1.2.3----RC-SNAPSHOT.12.9.1--.12",
        "1.0.0+0.build.1-rc.10000aaa-kk-0.1", "1.0.0-0A.is.legal", "1.0.0+001",
    ])
    func `a version of the specification is read and written as it was`(text: String) throws {
        #expect(try SemanticVersion(text).description == text)
    }

    @Test(arguments: [
        "", "1", "1.2", "1.2.3-0123", "1.2.3-0123.0123", "1.1.2+.123", "+invalid", "-invalid", "alpha",
        "1.2.3.DEV",
        "01.1.1", "1.01.1", "1.1.01", "1.2.3-", "1.2.3+", "1.2.3-a..b", "1.2.3-a_b", "1.2.3+a+b", "v1.2.3",
        " 1.2.3",
        "1.2.3 ", "1.2.٣", "-1.2.3", "99999999999999999999999.0.0", "1.2.3-é",
    ])
    func `anything else is refused`(text: String) {
        #expect(throws: InvalidValue.self) { try SemanticVersion(text) }
    }

    // Item 11, with its own example.
    @Test func `precedence is that of item 11`() throws {
        let ordered = try [
            "1.0.0-1", "1.0.0-2", "1.0.0-10", "1.0.0-99999999999999999999998",
            "1.0.0-99999999999999999999999",
            "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11",
            "1.0.0-rc.1", "1.0.0", "2.0.0", "2.1.0", "2.1.1", "10.0.0",
        ].map { try SemanticVersion($0) }
        for (left, earlier) in ordered.enumerated() {
            for (right, later) in ordered.enumerated() {
                #expect(earlier.precedes(later) == (left < right), "\(earlier) before \(later)")
            }
        }
    }

    @Test func `build metadata differ and mean nothing for precedence`() throws {
        let (one, two) = try (SemanticVersion("1.0.0+1"), SemanticVersion("1.0.0+2"))
        #expect(one != two)
        #expect(!one.precedes(two) && !two.precedes(one))
    }

    @Test(arguments: [
        (">=1.0.0 <2.0.0", "1.0.0", true), (">=1.0.0 <2.0.0", "1.9.9", true),
        (">=1.0.0 <2.0.0", "2.0.0", false),
        (">=1.0.0 <2.0.0", "1.0.0-rc.1", false), ("1.2.3", "1.2.3", true), ("=1.2.3", "1.2.3+build", true),
        ("=1.2.3", "1.2.4", false), (">1.0.0", "1.0.0", false), (">1.0.0", "1.0.1", true),
        ("<=1.0.0", "1.0.0", true), ("<=1.0.0", "1.0.1", false),
    ])
    func `a requirement accepts what meets every comparison`(row: (String, String, Bool)) throws {
        #expect(try VersionRequirement(row.0).accepts(SemanticVersion(row.1)) == row.2)
    }

    @Test(arguments: ["", " ", ">=", ">=1", "~1.0.0", "^1.0.0", "==1.0.0", ">=1.0.0,<2.0.0", ">= 1.0.0", "*"])
    func `what is no requirement is refused`(text: String) {
        #expect(throws: InvalidValue.self) { try VersionRequirement(text) }
    }
}
