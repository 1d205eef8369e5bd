import ERACore
import ERAContracts
import Foundation
import Glibc
import Testing

@testable import ERAArtifact

/// Programs that keep logins are asked as docker asks them, and told of when they fail.
@Suite(.timeLimit(.minutes(2))) struct CredentialHelperTests {
    /// Helpers that are these shell scripts.
    private func helpers(
        _ fixture: Fixture,
        _ scripts: [String: String],
        timeLimit: Duration = CredentialHelpers.timeLimit
    ) throws -> CredentialHelpers {
        let directory = fixture.directory + "/bin"
        mkdir(directory, 0o700)
        for (name, script) in scripts {
            let path = directory + "/docker-credential-" + name
            try write(Array("#!/bin/sh\n\(script)\n".utf8), to: path)
            chmod(path, 0o755)
        }
        return CredentialHelpers(
            searchPath: ["/nonexistent", directory],
            environment: ["PATH=/usr/bin:/bin", "KEYS=mine", "HERE=\(fixture.directory)"],
            timeLimit: timeLimit
        )
    }

    private func failure(_ body: () async throws -> Void) async throws -> Failure? {
        do { try await body() } catch let failure as Failure { return failure }
        return nil
    }

    @Test(
        arguments: [
            (
                #"test "$1 $(cat) $KEYS" = "get registry.example mine" && echo '{"Username":"u","Secret":"a:b"}'"#,
                Credentials.basic(username: "u", password: "a:b")
            ),
            (
                #"echo noise >&2; echo '{"ServerURL":"x","Username":"<token>","Secret":"abc"}'"#,
                .identity(token: "abc")
            ),
            (#"echo '{"ServerURL":"","Username":"","Secret":""}'"#, nil),
            ("echo 'credentials not found in native keychain'; exit 1", nil),
        ] as [(String, Credentials?)]
    )
    func `what a helper answers is the login, or that there is none`(_ script: String, _ login: Credentials?)
        async throws
    {
        try await Fixture.run { fixture in
            let found = try await helpers(fixture, ["x": script])
                .login("x", for: "registry.example", namedIn: "/config.json")
            #expect(found == login)
        }
    }

    /// What it does, what is said of it, and whether that may go away.
    @Test(
        arguments: [
            ("echo hunter2", "no login", .permanent),
            (#"echo '{"Username":"a:b","Secret":"hunter2"}'"#, "no login", .permanent),
            (#"echo '{"Username":"<token>","Secret":"hunter2\n"}'"#, "no login", .permanent),
            (#"printf '{"Username":"u","Secret":"%065536d"}' 1"#, "no login", .permanent),
            ("echo; echo 'the keyring is locked'; exit 1", "the keyring is locked", .transient),
            ("echo 'no agent' >&2; exit 1", "no agent", .transient),
            (#"echo '{"Secret":"hunter2"}'; exit 1"#, "did not say why", .transient),
            ("kill -9 $$", "did not say why", .transient),
            ("sleep 300", "took longer than", .transient),
        ] as [(String, String, Failure.Persistence)]
    )
    func `a helper that fails is told of, and no login is shown`(
        _ script: String,
        _ said: String,
        _ persistence: Failure.Persistence
    ) async throws {
        try await Fixture.run { fixture in
            let limit = script.contains("sleep") ? Duration.milliseconds(200) : CredentialHelpers.timeLimit
            let helpers = try helpers(fixture, ["x": script], timeLimit: limit)
            let failure = try await failure {
                _ = try await helpers.login("x", for: "registry.example", namedIn: "/config.json")
            }
            let message = failure?.message ?? ""
            #expect(message.contains(said) && message.contains("/config.json"), "\(message)")
            #expect(message.contains("printf registry.example | docker-credential-x get"), "\(message)")
            #expect(!message.contains("hunter2"))
            #expect(failure?.persistence == persistence)
        }
    }

    @Test(arguments: ["../x", "x y", "", "-x/", String(repeating: "x", count: 101)])
    func `a name that leads elsewhere is refused`(_ name: String) async throws {
        try await Fixture.run { fixture in
            let helpers = try helpers(fixture, ["x": "exit 0"])
            let failure = try await failure {
                _ = try await helpers.login(name, for: "registry.example", namedIn: "/config.json")
            }
            #expect(failure?.code == .fetchRefused && failure?.persistence == .permanent)
        }
    }

    @Test func `a helper that is not there is named, with the file that names it`() async throws {
        try await Fixture.run { fixture in
            let failure = try await failure {
                _ = try await helpers(fixture, [:]).login("gone", for: "r.example", namedIn: "/config.json")
            }
            let message = failure?.message ?? ""
            #expect(message.contains("docker-credential-gone"), "\(message)")
            #expect(message.contains("/config.json"), "\(message)")
            #expect(failure?.code == .fetchRefused && failure?.persistence == .permanent)
        }
    }

    @Test func `the helper of a registry comes before the one of all`() throws {
        let text = """
            {"auths":{"id.example":{"auth":"dXNlcjo=","identitytoken":"t"},"bad.example":{"identitytoken":"a\\nb"}},
            "credHelpers":{"https://own.example/v1/":"own","none.example":""},"credsStore":"all"}
            """
        let logins = try DockerConfig(Array(text.utf8))
        #expect(logins.helper(registry: "own.example") == "own")
        #expect(logins.helper(registry: "id.example") == "all")
        #expect(logins.helper(registry: "none.example") == nil)
        #expect(logins.credentials(registry: "id.example", repository: "a") == .identity(token: "t"))
        #expect(logins.credentials(registry: "bad.example", repository: "a") == nil)
        #expect(try DockerConfig(Array(#"{"auths":{}}"#.utf8)).helper(registry: "id.example") == nil)
    }

    /// Runs `body` with a registry that only `user` with `pass` may ask.
    private func guarded(
        _ fixture: Fixture,
        _ body: (RawServer, ArtifactSpec, FetchOptions) async throws -> Void
    ) async throws {
        var content = RegistryContent()
        try content.image([payload(1000), payload(1000, seed: 2), payload(1000, seed: 3)], tag: "1")
        let registry = content
        try await RawServer.run { _, request, connection in
            guard header("Authorization", in: request) == "Basic dXNlcjpwYXNz" else {
                return connection.answer("401 Unauthorized", ["WWW-Authenticate: Basic realm=\"x\""])
            }
            registry.answer(request, connection)
        } _: { server in
            let spec = try ArtifactSpec("oci://\(server.host)/team/app:1", nil)
            try await body(server, spec, fixture.options(insecure: server))
        }
    }

    @Test func `a helper is asked once for each fetch, however many blobs there are`() async throws {
        try await Fixture.run { fixture in
            try await guarded(fixture) { server, spec, options in
                var options = options
                options.credentialHelpers = try helpers(
                    fixture,
                    ["mine": #"echo x >> "$HERE/calls"; echo '{"Username":"user","Secret":"pass"}'"#]
                )
                let file = fixture.directory + "/config.json"
                try write(Array(#"{"credHelpers":{"\#(server.host)":"mine"}}"#.utf8), to: file)
                options.loginFiles = [file]
                _ = try await fixture.fetching(options) { try await $0.fetch(spec) }
                #expect(try read(fixture.directory + "/calls") == Array("x\n".utf8))
                // Another fetch asks again: the login may be another by now.
                options.credentialHelpers = try helpers(
                    fixture,
                    ["mine": #"echo '{"Username":"user","Secret":"old"}'"#]
                )
                mkdir(fixture.directory + "/other", 0o700)
                try await Fixture(fixture.directory + "/other").fetching(options) { fetcher in
                    let message = try await fetcher.failure(spec)?.message ?? ""
                    #expect(message.contains("docker-credential-mine"), "\(message)")
                    #expect(message.contains(file), "\(message)")
                }
            }
        }
    }

    @Test func `the helper of a mirror that fails is asked once, and the registry stands in`() async throws {
        try await Fixture.run { fixture in
            try await guarded(fixture) { server, spec, options in
                var options = options
                let mirror = "mirror.invalid"
                options.mirrors = [server.host: [mirror]]
                options.credentialHelpers = try helpers(
                    fixture,
                    ["bad": #"echo x >> "$HERE/calls"; echo 'the keyring is locked'; exit 1"#]
                )
                let file = fixture.directory + "/config.json"
                let login = #""auths":{"\#(server.host)":{"auth":"dXNlcjpwYXNz"}}"#
                try write(Array(#"{\#(login),"credHelpers":{"\#(mirror)":"bad"}}"#.utf8), to: file)
                options.loginFiles = [file]
                let stored = try await fixture.fetching(options) { try await $0.fetch(spec) }
                #expect(stored.content == .image)
                #expect(try read(fixture.directory + "/calls") == Array("x\n".utf8))
            }
        }
    }

    @Test func `where the helper has no login, the file and the next one count`() async throws {
        try await Fixture.run { fixture in
            try await guarded(fixture) { server, spec, options in
                var options = options
                options.credentialHelpers = try helpers(
                    fixture,
                    ["none": "echo credentials not found in native keychain; exit 1"]
                )
                let login = #""auths":{"\#(server.host)":{"auth":"dXNlcjpwYXNz"}}"#
                let (first, second) = (fixture.directory + "/first.json", fixture.directory + "/second.json")
                options.loginFiles = [first, second]
                let contents = [
                    (#"{\#(login),"credsStore":"none"}"#, "{}"), (#"{"credsStore":"none"}"#, "{\(login)}"),
                ]
                for (one, other) in contents {
                    try write(Array(one.utf8), to: first)
                    try write(Array(other.utf8), to: second)
                    // Another store each time.
                    let place = "\(fixture.directory)/\(other.utf8.count)"
                    mkdir(place, 0o700)
                    let stored = try await Fixture(place).fetching(options) { try await $0.fetch(spec) }
                    #expect(stored.content == .image)
                }
            }
        }
    }

    @Test func `a secret starts no program`() async throws {
        try await Fixture.run { fixture in
            try await guarded(fixture) { server, spec, options in
                var options = options
                options.credentialHelpers = try helpers(
                    fixture,
                    ["mine": #"echo x >> "$HERE/calls"; echo '{"Username":"user","Secret":"pass"}'"#]
                )
                let text = #"{"credHelpers":{"\#(server.host)":"mine"},"credsStore":"mine"}"#
                let secret = Credentials.registries(try DockerConfig(Array(text.utf8)))
                var spec = spec
                spec.pullSecret = try PartName("login")
                try await fixture.fetching(options, credentials: { _, _ in secret }) { fetcher in
                    let message = try await fetcher.failure(spec)?.message ?? ""
                    #expect(message.contains("the secret login"), "\(message)")
                    #expect(message.contains("no login"), "\(message)")
                }
                #expect(access(fixture.directory + "/calls", F_OK) != 0)
            }
        }
    }
}
