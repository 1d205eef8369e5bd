import Testing

@testable import ERASource

@Suite struct GitAddressTests {
    @Test(arguments: [
        ("git+https://git.example.org/team/apps.git", "https://git.example.org/team/apps.git", "HEAD", ""),
        ("git+https://h:8443/a.git#main", "https://h:8443/a.git", "refs/heads/main", ""),
        ("git+https://h/a.git#main:hosts/edge1/", "https://h/a.git", "refs/heads/main", "hosts/edge1"),
        ("git+https://h/a.git#:hosts", "https://h/a.git", "HEAD", "hosts"),
        ("git+ssh://git@h/a.git#feature/x", "ssh://git@h/a.git", "refs/heads/feature/x", ""),
        ("git+file:///srv/a#refs/tags/v1.2.0:m", "file:///srv/a", "refs/tags/v1.2.0", "m"),
        ("git+http://127.0.0.1:80/a", "http://127.0.0.1:80/a", "HEAD", ""),
    ])
    func `an address names repository, reference and directory`(
        _ text: String,
        _ url: String,
        _ reference: String,
        _ path: String
    ) throws {
        let address = try GitAddress(text)
        #expect(address.url == url)
        #expect(address.reference == reference)
        #expect(address.path == path)
        #expect(address.description == text)
    }

    @Test(arguments: [
        ("https://h/a.git", "is none"), ("git+https:/h/a", "is none"), ("", "is none"),
        ("git+ext://sh -c id", "blanks"), ("git+ext://sh/a", "begins with git+ext"),
        ("git+https://-oProxyCommand=id/a", "begins with -"), ("git+ssh://-l@h/a", "begins with -"),
        ("git+ssh://git@-h/a", "begins with -"), ("git+https://h", "no repository"),
        ("git+https://h/", "no repository"), ("git+https:///a", "no host"), ("git+ssh://git@/a", "no host"),
        ("git+https://user:secret@h/a", "password"), ("git+https://token@h/a", "password"),
        ("git+ssh://git:secret@h/a", "password"), ("git+file://h/a", "names a host"),
        ("git+https://h/a#--upload-pack=id", "cannot be one"), ("git+https://h/a#a..b", "cannot be one"),
        ("git+https://h/a#a~1", "cannot be one"), ("git+https://h/a#refs/x", "cannot be one"),
        ("git+https://h/a#a//b", "cannot be one"), ("git+https://h/a#a.lock", "cannot be one"),
        ("git+https://h/a#@{u}", "cannot be one"), ("git+https://h/a#main:../x", "leads out"),
        ("git+https://h/a#main:/etc", "leads out"), ("git+https://h/a\u{7}b", "control"),
        ("git+https://h/" + String(repeating: "a", count: 3000), "too long"),
    ])
    func `what is no address says why`(_ text: String, _ why: String) {
        let problem = #expect(throws: GitAddressProblem.self) { try GitAddress(text) }
        #expect(problem?.description.contains(why) == true, "\(problem?.description ?? "")")
    }
}
