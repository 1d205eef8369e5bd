import ERACore
import ERAOCI
import Testing

/// Which users of the host those of a container are, without root.
@Suite struct UserMappingTests {
    private func mapping(_ subuid: String, _ subgid: String? = nil) -> UserMapping? {
        UserMapping(
            user: 1000,
            group: 100,
            name: "ann",
            subuid: Array(subuid.utf8),
            subgid: Array((subgid ?? subuid).utf8)
        )
    }

    @Test func `root of the container is the user, and those from 1 on are its range`() throws {
        let found = try #require(mapping("bob:1:9\nann:100000:65536\n"))
        #expect(found.userText == "0 1000 1 1 100000 65536")
        #expect(found.groupText == "0 100 1 1 100000 65536")
        #expect(found.userCount == 65_537)
        #expect(!found.hasRootOnly)
    }

    @Test func `a line may name the user by its number, and ranges follow each other`() throws {
        let found = try #require(mapping("1000:2000:10\nann:5000:20\n", "ann:7000:5"))
        #expect(found.userText == "0 1000 1 1 2000 10 11 5000 20")
        #expect(found.groupText == "0 100 1 1 7000 5")
        #expect(found.groupCount == 6)
    }

    @Test(arguments: [
        "", "bob:100000:65536", "ann:100000", "ann:x:1", "ann:0:10", "ann:5:0", "ann:-5:3",
        "ann:4294967295:2",
        // Our own number would be there twice.
        "ann:999:2", "ann:1000:1",
    ])
    func `what gives nothing gives no mapping`(line: String) {
        #expect(mapping(line, "ann:100000:65536") == nil)
    }

    @Test func `a range that overlaps another is left out, and not more than the limit are taken`() throws {
        let found = try #require(mapping("ann:10:10\nann:19:5\nann:5:6\nann:20:1"))
        #expect(found.userText == "0 1000 1 1 10 10 11 20 1")
        let many = (0..<20).map { "ann:\(2000 + $0):1" }.joined(separator: "\n")
        #expect(try #require(mapping(many)).userCount == UInt32(UserMapping.rangeLimit + 1))
    }

    @Test func `a user within the range is itself, and its groups beyond are left out`() throws {
        let found = try #require(mapping("ann:100000:2000"))
        let user = ContainerUser(user: 2000, group: 5, groups: [4, 2001], home: "/h")
        #expect(try found.resolve(user) == ContainerUser(user: 2000, group: 5, groups: [4], home: "/h"))
        #expect(throws: OCIError.self) { try found.resolve(ContainerUser(user: 2001, group: 5)) }
        #expect(throws: OCIError.self) { try found.resolve(ContainerUser(user: 1, group: 2001)) }
    }

    @Test func `without a range there is root, with no further groups`() throws {
        let alone = UserMapping(user: 1000, group: 100)
        #expect(alone.userText == "0 1000 1")
        #expect(alone.hasRootOnly)
        let root = ContainerUser(user: 0, group: 0, groups: [4], home: "/root")
        #expect(try alone.resolve(root) == ContainerUser(user: 0, group: 0, home: "/root"))
        let error = #expect(throws: OCIError.self) { try alone.resolve(ContainerUser(user: 101, group: 0)) }
        #expect("\(try #require(error))".contains("root is the only one"))
        #expect(throws: OCIError.self) { try alone.resolve(ContainerUser(user: 0, group: 5)) }
    }

    @Test func `each mapping has a tag of its own, in sixteen digits`() throws {
        let mappings = [
            UserMapping(user: 1000, group: 100), UserMapping(user: 1001, group: 100),
            try #require(mapping("ann:100000:2000")), try #require(mapping("ann:100000:2001")),
        ]
        #expect(Set(mappings.map(\.tag)).count == mappings.count)
        #expect(mappings.allSatisfy { $0.tag.count == 16 && $0.tag.allSatisfy(\.isHexDigit) })
    }
}
