import ERACore
import Testing

@testable import ERAArtifact

@Suite struct HTTPTextTests {
    @Test(
        arguments: [
            ("https://Example.org/a", "https://example.org/a"), ("http://h:80", "http://h/"),
            ("https://h:8443/a?b=c#d", "https://h:8443/a?b=c"), ("https://h/a/../b/./c", "https://h/b/c"),
            ("https://h/../../a", "https://h/a"), ("https://[::1]:8/x", "https://[::1]:8/x"),
            ("https://h/a b<ü>", "https://h/a%20b%3C%C3%BC%3E"), ("https://127.0.0.1/", "https://127.0.0.1/"),
            ("https://h?q", "https://h/?q"), ("HTTPS://h/A", "https://h/A"), ("https://h/a/..", "https://h/"),
        ])
    func `an address is parsed into parts and written again`(text: String, url: String) throws {
        #expect(try HTTPLocation(text).url == url)
    }

    @Test(
        arguments: [
            "", "https", "https:/h", "ftp://h/", "https://", "https:///a", "https://u@h/", "https://u:p@h/",
            "https://h:0/", "https://h:65536/", "https://h:+1/", "https://h:1:2/", "https://[::1/",
            "https://[::1]x/",
            "https://[1.2.3.4]/", "https://1.2.3/", "https://1.2.3.4.5/", "https://01.2.3.4/",
            "https://0x7f.1/",
            "https://127.1/", "https://2130706433/", "https://h\\@evil/", "https://h h/", "https://hé/",
            "https://h%2e/",
            "https://256.1.1.1/", "https://" + String(repeating: "a", count: 9000),
        ])
    func `an address that could be read in two ways is refused`(text: String) {
        #expect(throws: InvalidValue.self) { try HTTPLocation(text) }
    }

    @Test(
        arguments: [
            ("127.0.0.1", HostAddress.loopback), ("127.255.0.1", .loopback), ("0.0.0.0", .loopback),
            ("localhost", .loopback), ("a.localhost", .loopback), ("[::1]", .loopback), ("[::]", .loopback),
            ("[::ffff:127.0.0.1]", .loopback), ("169.254.169.254", .linkLocal), ("[fe80::1]", .linkLocal),
            ("[febf::1]", .linkLocal), ("[::ffff:a9fe:a9fe]", .linkLocal),
            ("metadata.google.internal", .linkLocal),
            ("[fd00:ec2::254]", .linkLocal), ("100.100.100.200", .linkLocal), ("10.0.0.1", .other),
            ("example.org", .other), ("[2001:db8::1]", .other), ("[fec0::1]", .other),
        ])
    func `addresses of this machine and its link are known`(host: String, kind: HostAddress) {
        #expect(HostAddress(host: host) == kind)
    }

    @Test func `a query is not shown`() throws {
        #expect(try HTTPLocation("https://h/a?X-Signature=canary").shown == "https://h/a")
    }

    @Test(
        arguments: [
            ("bytes 0-0/1", 0, 0, 1), ("bytes 5-9/*", 5, 9, nil), ("bytes 5-9/10", 5, 9, 10),
        ] as [(String, Int64, Int64, Int64?)]
    )
    func `a Content-Range is read`(text: String, first: Int64, last: Int64, total: Int64?) {
        let range = HTTPHeaderText.contentRange(text)
        #expect(range?.first == first && range?.last == last && range?.total == total)
    }

    @Test(
        arguments: [
            "", "bytes", "bytes 5-4/10", "bytes 0-10/10", "bytes -1-4/10", "bytes 0-4", "bytes 0-4/",
            "bytes a-b/c",
            "bytes 0-99999999999999999999/*", "items 0-4/10", "bytes */10", "bytes 0-4/10/11",
        ])
    func `a Content-Range of another form is none`(text: String) {
        #expect(HTTPHeaderText.contentRange(text) == nil)
    }

    /// The first is the example of RFC 9110 section 5.6.7; its value from `date -u +%s`.
    @Test(
        arguments: [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777), ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Tue, 29 Feb 2000 12:00:00 GMT", 951_825_600), ("Sun, 06 Nov 1994 08:49:37", nil),
            ("Sunday, 06-Nov-94 08:49:37 GMT", nil), ("Sun, 06 Now 1994 08:49:37 GMT", nil),
            ("Sun, 06 Nov 1994 24:49:37 GMT", nil), ("Sun, 32 Nov 1994 08:49:37 GMT", nil), ("", nil),
        ] as [(String, Int64?)]
    )
    func `a date is read`(text: String, seconds: Int64?) {
        #expect(HTTPHeaderText.secondsSinceEpoch(imfDate: text) == seconds)
    }
}
