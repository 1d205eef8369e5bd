import FoundationEssentials
import Testing

@testable import ERACore

@Suite struct ValueTests {
    private func roundTrip<Value: Codable>(_ value: Value) throws -> Value {
        try JSONDecoder().decode(Value.self, from: JSONEncoder().encode(value))
    }

    private static let hex = String(repeating: "0123456789abcdef", count: 8)

    @Test func `a digest is an algorithm and its digits`() throws {
        for text in ["sha256:\(Self.hex64)", "sha512:\(Self.hex)"] {
            let digest = try Digest(text)
            #expect(digest.description == text)
            #expect(try roundTrip(digest) == digest)
        }
    }

    private static let hex64 = String(hex.prefix(64))
    private static let hex63 = String(hex.prefix(63))
    private static let noDigests: [String] = [
        "", "sha256", "sha256:", hex, "sha256:\(hex)", "sha512:\(hex64)", "md5:\(hex.prefix(32))",
        "SHA256:\(hex64)", "sha256:\(hex64.uppercased())", "sha256:\(hex63)g", "sha256:\(hex63) ",
        "sha256::\(hex63)", "sha256:../\(hex.prefix(61))",
    ]

    @Test(arguments: noDigests)
    func `what is no digest is refused`(text: String) {
        #expect(throws: InvalidValue.self) { try Digest(text) }
    }

    @Test(arguments: ["a", "web", "web-1", "0", String(repeating: "a", count: 63)])
    func `an RFC 1123 label is a name`(text: String) throws {
        #expect(try DeploymentName(text).rawValue == text)
    }

    @Test(arguments: [
        "", "-web", "web-", "Web", "we.b", "we_b", "we/b", "..", "wéb", "web ", "web\n", "web\0",
        String(repeating: "a", count: 64), String(repeating: "a", count: 300),
    ])
    func `anything else is no name, and the error names its kind`(text: String) {
        #expect(throws: InvalidValue.self) { try NamespaceName(text) }
        do throws(InvalidValue) {
            _ = try DeploymentName(text)
        } catch {
            #expect(error.description.contains("is not a deployment name"))
        }
    }

    @Test func `a stored name is checked as well`() {
        #expect(throws: (any Error).self) {
            try JSONDecoder().decode(DeploymentName.self, from: Data("\"../etc\"".utf8))
        }
    }

    // RFC 3339, section 5.6; days by the proleptic Gregorian calendar.
    @Test(arguments: [
        (0, "1970-01-01T00:00:00Z"), (951_782_400, "2000-02-29T00:00:00Z"),
        (951_868_799, "2000-02-29T23:59:59Z"),
        (951_868_800, "2000-03-01T00:00:00Z"), (1_709_164_800, "2024-02-29T00:00:00Z"),
        (4_107_542_400, "2100-03-01T00:00:00Z"), (4_107_542_399, "2100-02-28T23:59:59Z"),
        (1_767_323_045, "2026-01-02T03:04:05Z"), (-1, "1969-12-31T23:59:59Z"),
        (-62_135_596_800, "0001-01-01T00:00:00Z"), (253_402_300_799, "9999-12-31T23:59:59Z"),
        (-2_208_988_800, "1900-01-01T00:00:00Z"), (2_147_483_648, "2038-01-19T03:14:08Z"),
    ])
    func `a point of time is written as RFC 3339`(row: (Int64, String)) {
        #expect(WallTime(sinceEpoch: .seconds(row.0)).rfc3339 == row.1)
    }

    @Test(arguments: [
        (1_500_000, "1970-01-01T00:00:01.500000Z"), (6, "1970-01-01T00:00:00.000006Z"),
        (-1, "1969-12-31T23:59:59.999999Z"), (-1_500_000, "1969-12-31T23:59:58.500000Z"),
    ])
    func `microseconds are written, before 1970 as well`(row: (Int64, String)) {
        #expect(WallTime(sinceEpoch: .microseconds(row.0)).rfc3339Micro == row.1)
    }

    // A record that is read back must equal the one that was written, or every restart would see a change.
    @Test func `times are stored as exactly as they are held`() throws {
        let wall = WallTime(sinceEpoch: .nanoseconds(1_800_000_000_123_456_789))
        #expect(try roundTrip(wall) == wall)
        let before = WallTime(sinceEpoch: .nanoseconds(-1))
        #expect(try roundTrip(before) == before)
        let uptime = at(3).uptime + RetrySpec().delay(after: 3, Jitter(0.123_456_789))
        #expect(try roundTrip(uptime) == uptime)
    }

    @Test(arguments: [
        "https://example.org/a.tar.gz", "http://127.0.0.1:8080/a?b#c", "file:///srv/a.tar",
        "oci://ghcr.io/a/b:1",
        "oci://[::1]:5000/a@sha256:00",
    ])
    func `a location is kept as it was written`(text: String) throws {
        #expect(try ArtifactLocation(text).description == text)
    }

    @Test(arguments: [
        "", "a.tar", "/srv/a.tar", "ftp://host/a", "https://", "https:///a", "https://:443/a", "https://?a",
        "file://",
        "file:///", "file://host/a", "https://user:password@host/a", "https://user@host/a",
        "https://host/a b",
        "https://host/\n", "https://host/é", "HTTPS://host/a", "javascript:alert(1)", "ext::sh -c true",
    ])
    func `what is no location is refused`(text: String) {
        #expect(throws: InvalidValue.self) { try ArtifactLocation(text) }
    }

    @Test func `only what is fetched by https or http must be named by its digest`() throws {
        #expect(try ArtifactLocation("https://host/a").needsDigest)
        #expect(try !ArtifactLocation("oci://host/a").needsDigest)
        #expect(try !ArtifactLocation("file:///a").needsDigest)
    }

    @Test func `a JSON value is read as it was written`() throws {
        let value: JSONValue = [
            "null": nil, "yes": true, "one": 1, "big": 9_223_372_036_854_775_807, "text": "é\n\"",
            "list": [1, [2, []], [:]], "half": .number(0.5), "whole": .number(1), "huge": .number(1e300),
            "minus": .number(-0.0),
        ]
        #expect(try roundTrip(value) == value)
        #expect(value["one"]?.integer == 1)
        #expect(value["list"]?.array?.count == 3)
        #expect(value["none"] == nil)
    }

    @Test func `a whole number equals the integer that it is read back as, and no other`() {
        #expect(JSONValue.number(3) == .integer(3))
        #expect(JSONValue.number(3).hashValue == JSONValue.integer(3).hashValue)
        #expect(JSONValue.number(3.5) != .integer(3))
        #expect(JSONValue.number(9.3e18) != .integer(.max))
        #expect(JSONValue.boolean(true) != .integer(1))
        #expect(JSONValue.string("1") != .integer(1))
    }

    @Test func `a policy is no part of the template, what runs is`() {
        let web = spec(1)
        #expect(
            spec(1) {
                $0.restart.policy = .never; $0.suspend = true; $0.stop.grace = .zero
            }.template == web.template
        )
        #expect(spec(1) { $0.args = ["--verbose"] }.template != web.template)
        #expect(spec(2).template != web.template)
    }

    @Test func `instances sort by deployment, then by number`() {
        let one = InstanceID(key, 2)
        let two = InstanceID(key, 10)
        #expect(one < two)
        #expect(one.description == "default/web/2")
    }
}
