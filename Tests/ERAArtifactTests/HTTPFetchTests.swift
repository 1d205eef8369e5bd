import ERACore
import ERAContracts
import Foundation
import Testing

@testable import ERAArtifact

@Suite struct HTTPFetchTests {
    @Test func `a file is downloaded, verified and stored once`() async throws {
        try await Fixture.run { fixture in
            let bytes = payload(3 << 20)
            let files = fixture.directory + "/www"
            try FileManager.default.createDirectory(atPath: files, withIntermediateDirectories: true)
            try write(bytes, to: files + "/hello-1.2.tar.gz")
            let digest = try sha256(bytes)
            try await FileServer.run(files) { server in
                let spec = try ArtifactSpec(server.url + "/hello-1.2.tar.gz?signature=abc", digest)
                let reports = Shared<[StepProgress]>([])
                try await fixture.fetching { fetcher in
                    let stored = try await fetcher.fetch(spec) { report in
                        reports.change { $0.append(report) }
                    }
                    #expect(stored.digest == digest)
                    #expect(stored.size == ByteCount(3 << 20))
                    #expect(stored.name == "hello-1.2.tar.gz")
                    #expect(stored.path == fixture.directory + "/artifacts/blobs/sha256/" + digest.hex)
                    #expect(try read(stored.path) == bytes)
                    #expect(try mode(stored.path) == 0o444)
                    let again = try await fetcher.fetch(spec)
                    #expect(again == stored)
                }
                #expect(server.requestCount == 1)
                #expect(
                    reports.value.last
                        == StepProgress(done: ByteCount(3 << 20), total: ByteCount(3 << 20))
                )
                #expect(fixture.leftovers.isEmpty)
            }
        }
    }

    @Test func `fifty that want one digest share one request`() async throws {
        try await Fixture.run { fixture in
            let bytes = payload(1 << 20)
            let digest = try sha256(bytes)
            let joined = Shared(0)
            try await RawServer.run { _, _, connection in
                connection.send(connection.head("200 OK", ["Content-Length: \(bytes.count)"]))
                connection.send(bytes[..<1000])
                // Goes on when all fifty have seen that it goes on.
                while joined.value < 50 { usleep(1000) }
                connection.send(bytes[1000...])
            } _: { server in
                try await fixture.fetching { fetcher in
                    try await withThrowingTaskGroup(of: Digest.self) { group in
                        for number in 0..<50 {
                            group.addTask {
                                // The digest is the same, the addresses are not.
                                let spec = try ArtifactSpec(server.url + "/mirror-\(number)/file", digest)
                                let isFirst = Shared(true)
                                return try await fetcher.fetch(spec) { _ in
                                    if isFirst.value { joined.change { $0 += 1 } }
                                    isFirst.change { $0 = false }
                                }.digest
                            }
                        }
                        for try await found in group { #expect(found == digest) }
                    }
                }
                #expect(server.requests.count == 1)
            }
        }
    }

    @Test func `who joined a download that fails elsewhere tries the own address`() async throws {
        try await Fixture.run { fixture in
            let bytes = payload(1000)
            let digest = try sha256(bytes)
            let joined = Shared(false)
            try await RawServer.run { _, head, connection in
                if head.contains("/good") { return connection.answer("200 OK", [], bytes) }
                connection.send(connection.head("200 OK", ["Content-Length: 5"]) + "he")
                while !joined.value { usleep(1000) }
            } _: { server in
                try await fixture.fetching { fetcher in
                    let bad = Task { try await fetcher.failure(ArtifactSpec(server.url + "/bad", digest)) }
                    #expect(try await eventually { server.requests.count == 1 })
                    let good = try await fetcher.fetch(ArtifactSpec(server.url + "/good", digest)) { _ in
                        joined.change { $0 = true }
                    }
                    #expect(good.size == ByteCount(1000))
                    #expect(try await bad.value?.code == .fetchFailed)
                }
            }
        }
    }

    @Test func `a content declared by sha512 is found again by it`() async throws {
        try await Fixture.run { fixture in
            let bytes = payload(100_000)
            let digest = try sha512(bytes)
            try await RawServer.run { _, _, connection in
                connection.answer("200 OK", [], bytes)
            } _: { server in
                try await fixture.fetching { fetcher in
                    let stored = try await fetcher.fetch(ArtifactSpec(server.url + "/file", digest))
                    let plain = try sha256(bytes)
                    #expect(stored.digest == plain)
                    #expect(try await fetcher.fetch(ArtifactSpec(server.url + "/file", digest)) == stored)
                    #expect(try await fetcher.fetch(ArtifactSpec(server.url + "/file", plain)) == stored)
                    let wrong = try await fetcher.failure(ArtifactSpec(server.url + "/file", try sha512([1])))
                    #expect(wrong?.code == .digestMismatch)
                }
                #expect(server.requests.count == 2)
            }
        }
    }

    @Test func `at most so many downloads run at a time as the limit says`() async throws {
        try await Fixture.run { fixture in
            var options = fixture.options
            options.parallelLimit = 2
            let running = Shared((now: 0, most: 0))
            let reports = Shared<[Int: [StepProgress]]>([:])
            try await RawServer.run { _, head, connection in
                running.change { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
                usleep(20_000)
                running.change { $0.now -= 1 }
                let name = head.split(separator: " ")[1].dropFirst()
                connection.answer("200 OK", [], Array(name.utf8))
            } _: { server in
                try await fixture.fetching(options) { fetcher in
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for number in 0..<12 {
                            let spec = try ArtifactSpec(
                                server.url + "/\(number)",
                                try sha256(Array("\(number)".utf8))
                            )
                            group.addTask {
                                _ = try await fetcher.fetch(spec) { report in
                                    reports.change { $0[number, default: []].append(report) }
                                }
                            }
                        }
                        try await group.waitForAll()
                    }
                }
                #expect(server.requests.count == 12)
                #expect(running.value.most == 2)
                let waited = reports.value.values.filter { $0.contains(.queued) }
                #expect((1...10).contains(waited.count))
                #expect(waited.allSatisfy { $0.first == .queued && $0.last?.isQueued == false })
            }
        }
    }

    @Test(
        arguments: [
            (["username": "u", "password": "p"], "Basic dTpw"),
            (["token": "secret-token\n"], "Bearer secret-token"),
        ])
    func `the pull secret is sent`(secret: [String: String], authorization: String) async throws {
        try await Fixture.run { fixture in
            let name = try PartName("login")
            try await RawServer.run { _, head, connection in
                let isAllowed = header("Authorization", in: head) == authorization
                connection.answer(isAllowed ? "200 OK" : "401 Unauthorized", [], [7])
            } _: { server in
                let spec = try ArtifactSpec(server.url + "/f", try sha256([7]), pullSecret: name)
                try await fixture.fetching(credentials: { name, _ in
                    try Credentials(secret: secret, named: name)
                }) {
                    fetcher in
                    let stored = try await fetcher.fetch(spec)
                    #expect(stored.size == ByteCount(1))
                }
            }
        }
    }

    @Test func `a pull secret that is missing, empty or broken is said`() async throws {
        let name = try PartName("login")
        try await Fixture.run { fixture in
            try await fixture.fetching { fetcher in
                let spec = try ArtifactSpec("http://127.0.0.1:1/f", try sha256([7]), pullSecret: name)
                let failure = try await fetcher.failure(spec)
                #expect(failure?.code == .secretMissing)
                #expect(failure?.persistence == .permanent)
            }
        }
        for secret in [
            [:], ["username": "u"], ["token": "a\r\nX-Evil: 1"], ["username": "a:b", "password": "p"],
        ] {
            #expect(throws: Failure.self) { try Credentials(secret: secret, named: name) }
        }
        let credentials = try Credentials(secret: ["token": "canary"], named: name)
        #expect(!"\(credentials)".contains("canary") && !String(reflecting: credentials).contains("canary"))
        var dumped = ""
        dump(credentials, to: &dumped)
        #expect(!dumped.contains("canary"))
    }

    /// Refused before anything is sent; each row is a rule of the specification.
    @Test(arguments: [
        ("http://127.0.0.1:1/f", true, false, Failure.Code.fetchRefused),  // http without --allow-http
        ("https://127.0.0.1:1/f", false, true, .fetchRefused),  // a network source without a digest
        ("oci://127.0.0.1:1/F", true, true, .fetchRefused),  // no repository of a registry
        ("https://2130706433/f", true, true, .fetchRefused),  // an address in disguise
    ])
    func `what may not be fetched is refused`(
        url: String,
        hasDigest: Bool,
        allowsHTTP: Bool,
        code: Failure.Code
    ) async throws {
        try await Fixture.run { fixture in
            var options = fixture.options
            options.allowsHTTP = allowsHTTP
            try await fixture.fetching(options) { fetcher in
                let failure = try await fetcher.failure(ArtifactSpec(url, hasDigest ? try sha256([7]) : nil))
                #expect(failure?.code == code)
                #expect(failure?.persistence == .permanent)
            }
        }
    }

    @Test func `a fetcher that is shut down cancels what is under way and takes nothing new`() async throws {
        try await Fixture.run { fixture in
            try await RawServer.run { _, _, connection in
                connection.send(connection.head("200 OK", ["Content-Length: 10"]) + "12345")
                connection.waitUntilClosed()
            } _: { server in
                let fetcher = StoreFetcher(store: fixture.store, options: fixture.options)
                let spec = try ArtifactSpec(server.url + "/f", try sha256([7]))
                let fetched = Task { try await fetcher.fetch(spec) }
                #expect(try await eventually { server.requests.count == 1 })
                await fetcher.shutdown()
                await #expect(throws: CancellationError.self) { try await fetched.value }
                await #expect(throws: CancellationError.self) { try await fetcher.fetch(spec) }
            }
        }
    }
}
