import ERACore
import ERAOCI
import Testing

/// Command, directory, environment and user of a container: the manifest's words over the image's.
@Suite struct ContainerWordsTests {
    struct Command: Sendable {
        var entrypoint: String
        var image: String
        var command: [String]
        var args: [String]
        var result: [String]
    }

    /// Source: Kubernetes, "Define a Command and Arguments for a Container", its table.
    @Test(arguments: [
        Command(
            entrypoint: #"["/ep"]"#,
            image: #"["a","b"]"#,
            command: [],
            args: [],
            result: ["/ep", "a", "b"]
        ),
        Command(entrypoint: #"["/ep"]"#, image: #"["a"]"#, command: ["/cmd"], args: [], result: ["/cmd"]),
        Command(entrypoint: #"["/ep"]"#, image: #"["a"]"#, command: [], args: ["c"], result: ["/ep", "c"]),
        Command(
            entrypoint: #"["/ep"]"#,
            image: #"["a"]"#,
            command: ["/cmd"],
            args: ["c"],
            result: ["/cmd", "c"]
        ),
        Command(entrypoint: "null", image: #"["/a"]"#, command: [], args: [], result: ["/a"]),
        Command(entrypoint: "[]", image: "null", command: ["/cmd"], args: [], result: ["/cmd"]),
    ])
    func `the manifest's command takes the place of the image's`(_ row: Command) throws {
        let config = try image(#""Entrypoint":\#(row.entrypoint),"Cmd":\#(row.image)"#)
        #expect(try config.arguments(command: row.command, args: row.args) == row.result)
    }

    @Test func `an image without a command needs one`() throws {
        #expect(throws: OCIError.self) { try image("").arguments(command: [], args: []) }
        #expect(throws: OCIError.self) { try image(#""Cmd":[""]"#).arguments(command: [], args: []) }
    }

    @Test(arguments: [
        ("", ".", "/"), (#""WorkingDir":"/app""#, ".", "/app"), (#""WorkingDir":"app/""#, "x", "/app/x"),
        (#""WorkingDir":"/app""#, "/srv", "/srv"), (#""WorkingDir":"/app""#, "../../..", "/"),
    ])
    func `a relative directory begins at the image's`(_ row: (String, String, String)) throws {
        #expect(try image(row.0).workingDirectory(row.1) == row.2)
    }

    @Test func `of two variables with a name the later one wins, and the manifest comes last`() throws {
        let config = try image(#""Env":["A=1","B=x=y","A=2","=no","no"]"#)
        let environment = config.environment([[("C", "own"), ("A", "own")], [("A", "manifest")]])
        #expect(environment.map { "\($0.name)=\($0.value)" } == ["A=manifest", "B=x=y", "C=own"])
    }

    // MARK: Users

    private let accounts = ImageAccounts(
        passwd: Array(
            """
            root:x:0:0:root:/root:/bin/sh
            web:x:101:102:Web:/var/www:/bin/false
            broken:x:y:z
            odd:x:7:8::relative:
            """.utf8
        ),
        group: Array("root:x:0:\nweb:x:102:\nlog:x:4:web,other\ntty:x:5:other\nweb2:x:102:web".utf8)
    )

    @Test(
        arguments: [
            (nil, ContainerUser(user: 0, group: 0, home: "/root")),
            ("web", ContainerUser(user: 101, group: 102, groups: [4], home: "/var/www")),
            ("101", ContainerUser(user: 101, group: 102, groups: [4], home: "/var/www")),
            ("web:log", ContainerUser(user: 101, group: 4, home: "/var/www")),
            ("web:77", ContainerUser(user: 101, group: 77, home: "/var/www")),
            ("1234", ContainerUser(user: 1234, group: 0)),
            ("1234:log", ContainerUser(user: 1234, group: 4)),
            ("odd", ContainerUser(user: 7, group: 8)),
        ] as [(String?, ContainerUser)]
    )
    func `a user is whom the image's own files name`(_ row: (String?, ContainerUser)) throws {
        #expect(try accounts.resolve(row.0) == row.1)
    }

    @Test(arguments: ["daemon", "web:daemon", "broken", "", "web:", "a:b:c", "4294967295", "-1", "a b"])
    func `a user that the image does not have is refused`(_ text: String) {
        #expect(throws: OCIError.self) { try accounts.resolve(text) }
    }

    @Test func `an image without users has root and numbers`() throws {
        let none = ImageAccounts(passwd: [], group: [])
        #expect(try none.resolve(nil) == ContainerUser(user: 0, group: 0))
        #expect(throws: OCIError.self) { try none.resolve("root") }
    }

    private func image(_ config: String) throws -> ImageConfig {
        try ImageConfig(
            Array(
                #"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]},"config":{\#(config)}}"#
                    .utf8
            )
        )
    }
}

@Suite struct ContainerEngineTests {
    @Test(arguments: [
        ("runc version 1.1.5+ds1\ncommit: x\nspec: 1.0.2-dev", "runc 1.1.5", true),
        ("runc version 1.0.3", "runc 1.0.3", false),
        ("runc version 1.1.0-rc.1", "runc 0.0.0", false),
        ("runc version 1.2.0", "runc 1.2.0", true),
        ("crun version 1.8.1\ncommit: y", "crun 1.8.1", true),
        ("crun version 1.20", "crun 1.20.0", true),
        ("crun version 0.17", "crun 0.17.0", false),
    ])
    func `a version is read from what the program prints`(_ row: (String, String, Bool)) throws {
        let engine = try #require(ContainerEngine(versionOutput: row.0))
        #expect(engine.description == row.1)
        #expect(engine.isSupported == row.2)
    }

    @Test(arguments: [
        "", "runc", "runc version", "runc version x.y", "docker version 1.2.3", "runc version 1",
    ])
    func `what is no version is none`(_ text: String) {
        #expect(ContainerEngine(versionOutput: text) == nil)
    }
}
