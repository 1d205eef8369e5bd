import ERAAPI
import ERAClient
import ERACore
import ERAManifest
import ERAServer
import Glibc
import Testing

/// What no client of ours would send, written to the socket byte by byte. Whatever it is, the server goes on.
@Suite(.serialized) struct HostileInputTests {
    static let deployments = "/apis/era.dev/v1/namespaces/default/deployments"

    /// The whole answer to one request, which asks for the connection to be closed.
    static func answer(_ server: ServerFixture, _ request: String) async throws -> String {
        let connection = try RawConnection(server.socketPath)
        await connection.write(request)
        return try #require(await connection.readToEnd(), "the server must answer or close")
    }

    static func get(_ server: ServerFixture, _ target: String, _ headers: String = "") async throws -> String
    {
        try await answer(server, "GET \(target) HTTP/1.1\r\nHost: era\r\nConnection: close\r\n\(headers)\r\n")
    }

    static func send(
        _ server: ServerFixture,
        _ method: String,
        _ target: String,
        type: String,
        body: String
    ) async throws -> String {
        try await answer(
            server,
            "\(method) \(target) HTTP/1.1\r\nHost: era\r\nConnection: close\r\nContent-Type: \(type)\r\n"
                + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        )
    }

    static func stillServes(_ server: ServerFixture) async throws {
        #expect(try await server.client.version().era == "0.1.0")
    }

    @Test func `a header of ten megabytes ends the connection`() async throws {
        var limits = Options.Limits()
        limits.idleTimeLimit = .milliseconds(500)
        try await ServerFixture.run(limits: limits) { server async throws in
            let connection = try RawConnection(server.socketPath)
            await connection.write("GET /version HTTP/1.1\r\nHost: era\r\nX-Big: ")
            await connection.write([UInt8](repeating: UInt8(ascii: "x"), count: 10 << 20))
            let answer = await connection.readToEnd() ?? "timed out"
            #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 4"))
            try await Self.stillServes(server)
        }
    }

    @Test func `an address of a megabyte ends the connection`() async throws {
        var limits = Options.Limits()
        limits.idleTimeLimit = .milliseconds(500)
        try await ServerFixture.run(limits: limits) { server async throws in
            let connection = try RawConnection(server.socketPath)
            await connection.write(
                "GET /" + String(repeating: "a", count: 1 << 20) + " HTTP/1.1\r\nHost: e\r\n\r\n"
            )
            let answer = await connection.readToEnd() ?? "timed out"
            #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 4"))
            try await Self.stillServes(server)
        }
    }

    @Test func `more header fields than the limit end the connection`() async throws {
        try await ServerFixture.run { server async throws in
            let fields = (0..<1000).map { "X-\($0): y\r\n" }.joined()
            let answer = try await Self.get(server, "/version", fields)
            #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 4"))
            try await Self.stillServes(server)
        }
    }

    @Test func `both Content-Length and Transfer-Encoding are refused`() async throws {
        try await ServerFixture.run { server async throws in
            let smuggled = "GET /metrics HTTP/1.1\r\nHost: era\r\n\r\n"
            let answer = try await Self.answer(
                server,
                "POST \(Self.deployments) HTTP/1.1\r\nHost: era\r\nContent-Length: 4\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n\(smuggled)"
            )
            #expect(answer.hasPrefix("HTTP/1.1 400"))
            #expect(!answer.contains("era_ready"), "what was smuggled in must not be answered")
            try await Self.stillServes(server)
        }
    }

    @Test(arguments: [
        "\u{0}\u{1}\u{2}\u{3}", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "hello\r\n\r\n", "\r\n\r\n\r\nx\r\n",
        "GET /version HTTP/1.1\r\nHost: era\r\nBad Header\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{fc}",
        "POST /x HTTP/1.1\r\nHost: era\r\nContent-Length: -5\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: era\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: era\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: era\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ])
    func `garbage is refused`(text: String) async throws {
        var limits = Options.Limits()
        limits.idleTimeLimit = .milliseconds(500)
        try await ServerFixture.run(limits: limits) { server async throws in
            let answer = try await Self.answer(server, text)
            #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 4") || answer.hasPrefix("HTTP/1.0 4"))
            try await Self.stillServes(server)
        }
    }

    @Test func `a head that comes byte by byte is cut off`() async throws {
        var limits = Options.Limits()
        limits.idleTimeLimit = .milliseconds(300)
        try await ServerFixture.run(limits: limits) { server async throws in
            let connection = try RawConnection(server.socketPath)
            await connection.write("GET /version HTTP/1.1\r\n")
            try await eventually("the server closes") {
                try await Task.sleep(for: .milliseconds(20))
                return await !connection.write("x")
            }
            try await Self.stillServes(server)
        }
    }

    @Test func `a body that comes byte by byte is cut off`() async throws {
        var limits = Options.Limits()
        limits.bodyTimeLimit = .milliseconds(300)
        try await ServerFixture.run(limits: limits) { server async throws in
            let connection = try RawConnection(server.socketPath)
            await connection.write(
                "POST \(Self.deployments) HTTP/1.1\r\nHost: era\r\nContent-Type: application/json\r\n"
                    + "Content-Length: 100000\r\n\r\n"
            )
            try await eventually("the server closes") {
                try await Task.sleep(for: .milliseconds(20))
                return await !connection.write("x")
            }
            try await Self.stillServes(server)
        }
    }

    @Test func `a body above the limit is refused, declared or not`() async throws {
        try await ServerFixture.run { server async throws in
            let head = "POST \(Self.deployments) HTTP/1.1\r\nHost: era\r\nContent-Type: application/json\r\n"
            let declared = try RawConnection(server.socketPath)
            await declared.write(head + "Content-Length: 1048577\r\n\r\n")
            #expect(await declared.readToEnd()?.hasPrefix("HTTP/1.1 413") == true)
            let chunked = try RawConnection(server.socketPath)
            await chunked.write(head + "Transfer-Encoding: chunked\r\n\r\n")
            let chunk = "10000\r\n" + String(repeating: " ", count: 65536) + "\r\n"
            for _ in 0..<17 { await chunked.write(chunk) }
            #expect(await chunked.readToEnd()?.hasPrefix("HTTP/1.1 413") == true)
            try await Self.stillServes(server)
        }
    }

    @Test(arguments: [
        "/%2e%2e/version", "/apis/era.dev/v1/namespaces/%2e%2e/deployments", "/../version", "//version",
        "/./version",
        "/apis/era.dev/v1/namespaces/default/deployments/..%2f..%2fetc", "/%00", "/%zz", "/%c3%28", "/a%5cb",
        "*",
    ])
    func `an address with hidden steps leads nowhere`(target: String) async throws {
        try await ServerFixture.run { server async throws in
            let answer = try await Self.get(server, target)
            #expect(answer.hasPrefix("HTTP/1.1 400"), "\(answer.prefix(100))")
            #expect(
                answer.contains("BadRequest") || answer.contains("Content-Length: 0")
                    || answer.contains("content-length: 0")
            )
        }
    }

    @Test func `a name that no deployment can have is not found`() async throws {
        try await ServerFixture.run { server async throws in
            #expect(try await Self.get(server, Self.deployments + "/NOT_A_NAME").hasPrefix("HTTP/1.1 404"))
            #expect(try await Self.get(server, "/apis/era.dev/v1/nothing").hasPrefix("HTTP/1.1 404"))
            #expect(try await Self.get(server, "/apis/era.dev/v1").hasPrefix("HTTP/1.1 200"))
            #expect(try await Self.get(server, "/apis/era.dev/v1/").hasPrefix("HTTP/1.1 200"))
            #expect(try await Self.get(server, "/").hasPrefix("HTTP/1.1 404"))
        }
    }

    @Test(arguments: [
        ("POST", deployments, "text/plain", 415), ("POST", deployments, "application/xml", 415),
        ("PATCH", deployments + "/web", "application/strategic-merge-patch+json", 415),
        ("PATCH", deployments + "/web", "application/json-patch+json", 415),
        ("PATCH", deployments + "/web", "application/apply-patch+yaml", 422),
        ("PUT", deployments + "/web", "application/json", 404),
        ("POST", deployments, "application/json", 400),
        ("DELETE", deployments, "application/json", 405), ("POST", "/version", "application/json", 405),
        ("BREW", "/version", "application/json", 405),
        (
            "PATCH", deployments + "/web?dryRun=Some&fieldManager=x",
            "application/apply-patch+yaml", 400
        ),
        (
            "PATCH", deployments + "/web?fieldManager=x&fieldValidation=Maybe",
            "application/apply-patch+yaml", 400
        ),
    ])
    func `a request that the resource does not take is refused`(
        method: String,
        target: String,
        type: String,
        code: Int
    ) async throws {
        let manifest =
            #"{"metadata":{"name":"web"},"spec":{"version":"1.0.0","runtime":{"plugin":"process"},"command":["x"]}}"#
        try await ServerFixture.run { server async throws in
            let body = code == 400 && method == "POST" ? "{\"metadata\":" : manifest
            let answer = try await Self.send(server, method, target, type: type, body: body)
            // Methods that HTTP does not know may already be refused by the parser.
            #expect(
                answer.hasPrefix("HTTP/1.1 \(code)") || method == "BREW" && answer.hasPrefix("HTTP/1.1 400")
            )
            #expect(try await server.client.list().items.isEmpty)
        }
    }

    @Test func `a manifest in YAML is taken, and what is wrong in it is told with its place`() async throws {
        try await ServerFixture.run { server async throws in
            let yaml = """
                apiVersion: era.dev/v1
                kind: Deployment
                metadata: {name: web}
                spec:
                  version: "1.0.0"
                  runtime: {plugin: process}
                  command: [bin/web]

                """
            let target = Self.deployments + "/web?fieldManager=kubectl"
            let type = "application/apply-patch+yaml"
            let good = try await Self.send(server, "PATCH", target, type: type, body: yaml)
            #expect(good.hasPrefix("HTTP/1.1 201"))
            let bad = try await Self.send(
                server,
                "PATCH",
                target,
                type: type,
                body: yaml + "  ports: [{name: p, port: 70000}]\n"
            )
            #expect(bad.hasPrefix("HTTP/1.1 400"))
            #expect(bad.contains("request.yaml:8:"))
        }
    }

    @Test func `a merge patch changes what it names, and an update what was read`() async throws {
        try await ServerFixture.run { server async throws in
            try await server.apply("web", labels: ["app": "web"])
            let patched = try await Self.send(
                server,
                "PATCH",
                Self.deployments + "/web",
                type: "application/merge-patch+json",
                body: #"{"metadata":{"labels":{"app":null,"tier":"front"}},"spec":{"version":"1.1.0"}}"#
            )
            #expect(patched.hasPrefix("HTTP/1.1 200"))
            let object = try await server.client.get(key("web"))
            #expect(object.labels == ["tier": "front"])
            #expect(object.declaredVersion == "1.1.0")
            let text = object.json.merging(["spec": ["version": "1.2.0"]]).canonicalText
            let target = Self.deployments + "/web"
            let first = try await Self.send(server, "PUT", target, type: "application/json", body: text)
            #expect(first.hasPrefix("HTTP/1.1 200"))
            let stale = try await Self.send(server, "PUT", target, type: "application/json", body: text)
            #expect(stale.hasPrefix("HTTP/1.1 409"))
            #expect(try await server.client.get(key("web")).declaredVersion == "1.2.0")
        }
    }

    @Test func `a table is given to who asks for one`() async throws {
        try await ServerFixture.run { server async throws in
            try await server.apply("web")
            let accept = "Accept: application/json;as=Table;v=v1;g=meta.k8s.io,application/json\r\n"
            let list = try await Self.get(server, Self.deployments, accept)
            #expect(list.contains(#""kind":"Table""#))
            let watch = try await Self.get(server, Self.deployments + "?watch=true&timeoutSeconds=1", accept)
            #expect(watch.contains(#""kind":"Table""#))
            #expect(watch.contains(#""type":"ADDED""#))
        }
    }

    @Test func `a watch from an old version is expired, from a future one it is too large`() async throws {
        try await ServerFixture.run { server async throws in
            try await server.apply("web")
            let old = try await Self.get(server, Self.deployments + "?watch=true&resourceVersion=1")
            #expect(old.hasPrefix("HTTP/1.1 410"))
            #expect(old.contains("too old resource version: 1 (101)"))
            let future = try await Self.get(server, Self.deployments + "?resourceVersion=999")
            #expect(future.hasPrefix("HTTP/1.1 504"))
            #expect(future.contains("ResourceVersionTooLarge"))
            let present = try await Self.get(
                server,
                Self.deployments + "?watch=true&resourceVersion=101&timeoutSeconds=1"
            )
            #expect(present.hasPrefix("HTTP/1.1 200"))
            #expect(!present.contains("ADDED"))
        }
    }

    @Test func `a watcher that never reads is dropped`() async throws {
        var limits = Options.Limits()
        limits.stallTimeLimit = .milliseconds(300)
        try await ServerFixture.run(limits: limits) { server async throws in
            let connection = try RawConnection(server.socketPath, receiveBuffer: 4096)
            await connection.write("GET \(Self.deployments)?watch=true HTTP/1.1\r\nHost: era\r\n\r\n")
            try await eventually("the watch has begun") { await server.plane.watcherCount == 1 }
            var round = 0
            let padding = String(repeating: "x", count: 60_000)
            try await eventually("the watcher is dropped") {
                round += 1
                _ = try await server.client.apply(
                    manifest("web").merging([
                        "metadata": ["annotations": ["n": .string("\(round)\(padding)")]]
                    ])
                )
                return await server.plane.watcherCount == 0
            }
            #expect(await connection.readToEnd() != nil, "the connection is closed")
            try await Self.stillServes(server)
        }
    }

    @Test func `connections beyond the limit wait until one is free`() async throws {
        var limits = Options.Limits()
        limits.connectionLimit = 2
        limits.idleTimeLimit = .milliseconds(500)
        try await ServerFixture.run(limits: limits) { server async throws in
            let idle = try (0..<8).map { _ in try RawConnection(server.socketPath) }
            try await Self.stillServes(server)
            #expect(idle.count == 8)
        }
    }

    @Test func `health and metrics are plain text`() async throws {
        try await ServerFixture.run { server async throws in
            for path in ["/healthz", "/livez", "/readyz"] {
                let answer = try await Self.get(server, path)
                #expect(answer.hasPrefix("HTTP/1.1 200") && answer.hasSuffix("ok"))
            }
            await server.plane.setDegraded("no space")
            #expect(try await Self.get(server, "/readyz").hasPrefix("HTTP/1.1 503"))
            #expect(try await Self.get(server, "/metrics").contains("\nera_degraded 1\n"))
            let accept = "Accept: application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList\r\n"
            #expect(try await Self.get(server, "/apis", accept).contains("APIGroupDiscoveryList"))
            #expect(try await Self.get(server, "/apis").contains("APIGroupList"))
        }
    }
}
