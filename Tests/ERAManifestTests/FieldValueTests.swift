import ERACore
import ERAManifest
import Testing

/// Rows of reliability.md, section 2, "Names, paths, values": a field, and the beginning of what is said
/// about it.
let badFields: [(spec: String, problem: String)] = [
    // Names
    ("ports: [{name: a/b, port: 1}]", "spec.ports[0].name: \"a/b\" is not a name"),
    ("ports: [{name: .., port: 1}]", "spec.ports[0].name: \"..\" is not a name"),
    ("ports: [{name: -a, port: 1}]", "spec.ports[0].name: \"-a\" is not a name"),
    ("ports: [{name: \(String(repeating: "a", count: 300)), port: 1}]", "spec.ports[0].name: \"aaaa"),
    ("ports: [{name: Ä, port: 1}]", "spec.ports[0].name: \"Ä\" is not a name"),
    ("dependsOn: [{name: \"\"}]", "spec.dependsOn[0].name: \"\" is not a deployment name"),
    ("dependsOn: [{name: hello}]", "spec.dependsOn[0]: names the deployment itself"),
    ("dependsOn: [{name: hello, namespace: default}]", "spec.dependsOn[0]: names the deployment itself"),
    ("dependsOn: [{name: a}, {name: a}]", "spec.dependsOn[1]: \"a\" stands in the list twice"),
    ("user: -root", "spec.user: \"-root\" is not a user name"),
    ("user: \"4294967295\"", "spec.user: \"4294967295\" is not a user name"),
    ("user: 4294967295", "spec.user: 4294967295 is not between 0 and 4294967294"),
    ("user: \"a b\"", "spec.user: \"a b\" is not a user name"),
    // Paths
    ("workingDirectory: ../x", "spec.workingDirectory: \"../x\" is not a path without \"..\""),
    ("workingDirectory: \"\"", "spec.workingDirectory: \"\" is not a path"),
    (
        "volumes: [{name: a, mountPath: a/../../b, persistent: {}}]",
        "spec.volumes[0].mountPath: \"a/../../b\" is not a path"
    ),
    (
        "volumes: [{name: a, mountPath: ., persistent: {}}]",
        "spec.volumes[0].mountPath: \".\" would hide everything else"
    ),
    (
        "volumes: [{name: a, mountPath: /, persistent: {}}]",
        "spec.volumes[0].mountPath: \"/\" would hide everything else"
    ),
    (
        "volumes: [{name: a, mountPath: m, hostPath: {path: a}}]",
        "spec.volumes[0].hostPath.path: \"a\" is not an absolute path"
    ),
    (
        "volumes: [{name: a, mountPath: m, hostPath: {path: /a/..}}]",
        "spec.volumes[0].hostPath.path: \"/a/..\" is not"
    ),
    (
        "volumes: [{name: a, mountPath: m}]",
        "spec.volumes[0]: one of persistent, hostPath, tmpfs or secret is missing"
    ),
    (
        "volumes: [{name: a, mountPath: m, persistent: {}, tmpfs: {}}]",
        "spec.volumes[0].tmpfs: stands beside persistent; only one of them may be there"
    ),
    (
        "volumes: [{name: a, mountPath: m, persistent: }]",
        "spec.volumes[0].persistent: empty is not a mapping"
    ),
    (
        "volumes: [{name: a, mountPath: m, tmpfs: {}}, {name: a, mountPath: n, tmpfs: {}}]",
        "spec.volumes[1].name: \"a\" is also that of volume [0]"
    ),
    (
        "volumes: [{name: a, mountPath: m/n, tmpfs: {}}, {name: b, mountPath: ./m//n/, tmpfs: {}}]",
        "spec.volumes[1].mountPath: \"./m//n/\" is also that of volume [0]"
    ),
    // Ports
    ("ports: [{name: a, port: 0}]", "spec.ports[0].port: 0 is not between 1 and 65535"),
    ("ports: [{name: a, port: 65536}]", "spec.ports[0].port: 65536 is not between 1 and 65535"),
    (
        "ports: [{name: a, port: 80}, {name: a, port: 81}]",
        "spec.ports[1].name: \"a\" is also that of port [0]"
    ),
    (
        "ports: [{name: a, port: 80}, {name: b, port: 80}]",
        "spec.ports[1].port: TCP 80 is also that of port [0]"
    ),
    (
        "ports: [{name: a, port: 80}, {name: b, port: 80, host: 0.0.0.0}]",
        "spec.ports[1].port: TCP 80 is also that of port [0]"
    ),
    (
        "ports: [{name: a, port: 80, protocol: UDP, passSocket: true}]",
        "spec.ports[0].passSocket: is for TCP only"
    ),
    (
        "ports: [{name: a, port: 80, host: localhost}]",
        "spec.ports[0].host: \"localhost\" is not an IPv4 or IPv6 address"
    ),
    (
        "ports: [{name: a, port: 80, host: 1.2.3}]",
        "spec.ports[0].host: \"1.2.3\" is not an IPv4 or IPv6 address"
    ),
    (
        "ports: [{name: a, port: 80, host: 1.2.3.256}]",
        "spec.ports[0].host: \"1.2.3.256\" is not an IPv4 or IPv6 address"
    ),
    // Environment
    ("env: [{name: A=B, value: x}]", "spec.env[0].name: \"A=B\" is not the name of an environment variable"),
    ("env: [{name: \"\", value: x}]", "spec.env[0].name: \"\" is not the name of an environment variable"),
    ("env: [{name: \"A\\0\", value: x}]", "spec.env[0].name: contains a NUL character"),
    ("env: [{name: A, value: \"\\0\"}]", "spec.env[0].value: contains a NUL character"),
    (
        "env: [{name: A, value: x}, {name: A, value: y}]",
        "spec.env[1].name: \"A\" is also that of variable [0]"
    ),
    ("env: [{name: A}]", "spec.env[0]: one of value or valueFrom is missing"),
    (
        "env: [{name: A, valueFrom: {secret: {name: a, key: ../b}}}]",
        "spec.env[0].valueFrom.secret.key: \"../b\" is not a key"
    ),
    (
        "env: [{name: A, valueFrom: {secret: {name: a, key: ..}}}]",
        "spec.env[0].valueFrom.secret.key: \"..\" is not a key"
    ),
    ("env: [{name: A, valueFrom: {}}]", "spec.env[0].valueFrom.secret: is missing"),
    ("args: [\"\(String(repeating: "a", count: 131_072))\"]", "spec.args[0]: has more than 131071 bytes"),
    // Durations, quantities
    ("stop: {grace: -1s}", "spec.stop.grace: \"-1s\" is not a duration"),
    ("stop: {grace: 9000h}", "spec.stop.grace: \"9000h\" is not a duration of at most 8760h"),
    ("stop: {grace: 99999999999999999999s}", "spec.stop.grace: \"99999999999999999999s\" is not a duration"),
    ("stop: {grace: 1d}", "spec.stop.grace: \"1d\" is not a duration"),
    ("update: {progressDeadline: 999ms}", "spec.update.progressDeadline: 999ms is less than 1s"),
    ("restart: {initialDelay: 2s, maxDelay: 1s}", "spec.restart.maxDelay: 1s is less than initialDelay, 2s"),
    ("restart: {initialDelay: 6m}", "spec.restart.initialDelay: 6m is more than maxDelay, 5m"),
    ("retry: {maxDelay: 1ms}", "spec.retry.maxDelay: 1ms is less than initialDelay, 1s"),
    ("retry: {limit: -1}", "spec.retry.limit: -1 is not between 0 and 1000"),
    ("retry: {factor: 0.5}", "spec.retry.factor: 0.5 is not a number between 1 and 100"),
    (
        "resources: {limits: {memory: 0}}",
        "spec.resources.limits.memory: \"0\" is not a size of at least 1 byte"
    ),
    ("resources: {limits: {memory: 1.5}}", "spec.resources.limits.memory: \"1.5\" is not a size"),
    ("resources: {limits: {memory: 1e30}}", "spec.resources.limits.memory: \"1e30\" is not a size"),
    ("resources: {limits: {memory: 99Ei}}", "spec.resources.limits.memory: \"99Ei\" is not a size"),
    ("resources: {limits: {memory: -1Mi}}", "spec.resources.limits.memory: \"-1Mi\" is not a size"),
    ("resources: {limits: {memory: 1mi}}", "spec.resources.limits.memory: \"1mi\" is not a size"),
    ("resources: {limits: {cpu: 0}}", "spec.resources.limits.cpu: \"0\" is not a number of processors"),
    (
        "resources: {limits: {cpu: 0.0001}}",
        "spec.resources.limits.cpu: \"0.0001\" is not a number of processors"
    ),
    ("resources: {limits: {pids: 0}}", "spec.resources.limits.pids: 0 is not between 1 and 4194304"),
    // Probes
    ("health: {liveness: {}}", "spec.health.liveness: one of httpGet, tcpSocket or exec is missing"),
    (
        "health: {liveness: {httpGet: {port: web}}}",
        "spec.health.liveness.httpGet.port: \"web\" is no name in spec.ports"
    ),
    (
        "health: {liveness: {httpGet: {port: \"80\"}}}",
        "spec.health.liveness.httpGet.port: \"80\" is no name in spec.ports; write"
    ),
    (
        "health: {liveness: {tcpSocket: {port: 0}}}",
        "spec.health.liveness.tcpSocket.port: 0 is not between 1 and 65535"
    ),
    ("health: {startup: {exec: {command: []}}}", "spec.health.startup.exec.command: names no program"),
    (
        "health: {startup: {tcpSocket: {port: 1}, successThreshold: 2}}",
        "spec.health.startup.successThreshold: 2 is not"
    ),
    (
        "health: {liveness: {tcpSocket: {port: 1}, successThreshold: 2}}",
        "spec.health.liveness.successThreshold: 2 is not"
    ),
    (
        "health: {readiness: {tcpSocket: {port: 1}, periodSeconds: 0}}",
        "spec.health.readiness.periodSeconds: 0 is not"
    ),
    (
        "health: {startup: {httpGet: {port: 1, path: x}}}",
        "spec.health.startup.httpGet.path: \"x\" is not a path"
    ),
    (
        "health: {startup: {httpGet: {port: 1, path: \"/a b\"}}}",
        "spec.health.startup.httpGet.path: \"/a b\" is not a path"
    ),
    (
        "health: {startup: {httpGet: {port: 1, httpHeaders: [{name: \"a:\", value: x}]}}}",
        "spec.health.startup.httpGet.httpHeaders[0].name: \"a:\" is not the name"
    ),
    (
        "health: {startup: {httpGet: {port: 1, httpHeaders: [{name: a, value: \"x\\r\\ny: z\"}]}}}",
        "spec.health.startup.httpGet.httpHeaders[0].value: \"x\\r\\ny: z\" is not the value"
    ),
    // Artifacts
    ("artifact: {source: \"https://e.org/a\"}", "spec.artifact.digest: is missing; https sources need one"),
    ("artifact: {source: \"ftp://e.org/a\"}", "spec.artifact.source: \"ftp://e.org/a\" is not a URL"),
    ("artifact: {source: \"file://etc/passwd\"}", "spec.artifact.source: \"file://etc/passwd\" is not a URL"),
    (
        "artifact: {source: \"https://u:p@e.org/a\"}",
        "spec.artifact.source: \"https://u:p@e.org/a\" is not a URL without user"
    ),
    (
        "artifact: {source: \"file:///a\", digest: sha256:00}",
        "spec.artifact.digest: \"sha256:00\" is not a digest"
    ),
    ("artifact: {source: \"file:///a\", digest: md5:00}", "spec.artifact.digest: \"md5:00\" is not a digest"),
    ("artifact: {source: \"file:///a\", format: rar}", "spec.artifact.format: \"rar\" is not one of"),
    ("artifact: {}", "spec.artifact.source: is missing"),
]

/// Fields that look odd and are right.
let goodFields: [String] = [
    "user: 1000", "user: svc$", "workingDirectory: /srv/a..b", "stop: {grace: \"0\"}", "stop: {grace: 1.5s}",
    "args: [\"\", \" \", \"-x\", \"a\\tb\", \"..\"]",
    "resources: {limits: {memory: 1024, cpu: 0.5}}", "resources: {limits: {memory: 1.5Gi, cpu: 2}}",
    "ports: [{name: a, port: 80}, {name: b, port: 80, protocol: UDP}]",
    "ports: [{name: a, port: 80}, {name: b, port: 80, host: \"::1\"}]",
    "ports: [{name: a, port: 80, host: 127.0.0.1}, {name: b, port: 80, host: 127.0.0.2}]",
    "volumes: [{name: a, mountPath: a..b, persistent: {}}]",
    "env: [{name: \"with space\", value: \"\"}]",
    "health: {readiness: {tcpSocket: {port: 65535}, successThreshold: 3}}",
    "artifact: {source: \"file:///srv/a.tar\"}",
    "dependsOn: [{name: hello, namespace: other}, {name: a}, {name: a, namespace: b}]",
    "command: [x]",
]

/// Metadata, and the beginning of what is said about it.
let badMetadata: [(metadata: String, problem: String)] = [
    ("{name: Hello}", "metadata.name: \"Hello\" is not a deployment name"),
    ("{name: \(String(repeating: "a", count: 64))}", "metadata.name: \"aaaa"),
    ("{name: 12}", "metadata.name: the number 12 is not a deployment name"),
    ("{}", "metadata.name: is missing; it takes a deployment name"),
    ("{name: a, namespace: a/b}", "metadata.namespace: \"a/b\" is not a namespace"),
    ("{name: a, labels: {-x: y}}", "metadata.labels[-x]: the key is not a label key"),
    ("{name: a, labels: {a/b/c: y}}", "metadata.labels[a/b/c]: the key is not a label key"),
    ("{name: a, labels: {x: \"a b\"}}", "metadata.labels[x]: \"a b\" is not a label value"),
    ("{name: a, labels: {x: 1}}", "metadata.labels[x]: the number 1 is not a label value"),
    ("{name: a, labels: [x]}", "metadata.labels: a list is not a mapping of texts"),
    ("{name: a, annotations: {x: [y]}}", "metadata.annotations[x]: a list is not a text"),
    ("{name: a, generateName: b}", "metadata.generateName: unknown field"),
]

@Suite struct FieldValueTests {
    @Test(arguments: badFields.map(\.spec))
    func `a value that no deployment can have is refused with its field`(_ spec: String) throws {
        let expected = try #require(badFields.first { $0.spec == spec }).problem
        let read = file(manifest(spec: "  " + spec))
        #expect(read.entries.isEmpty)
        let texts = read.diagnostics.map { "\($0.field ?? ""): \($0.message)" }
        #expect(texts.count == 1 && texts[0].hasPrefix(expected), "\(texts)")
    }

    @Test(arguments: goodFields)
    func `a value that looks odd and is right is read`(_ spec: String) {
        let text =
            spec.hasPrefix("command") ? manifest() : manifest(spec: "  " + spec)
        #expect(problems(text) == [])
    }

    @Test(arguments: badMetadata.map(\.metadata))
    func `metadata that no deployment can have is refused`(_ metadata: String) throws {
        let expected = try #require(badMetadata.first { $0.metadata == metadata }).problem
        let read = file(manifest().replacingFirst("{name: hello}", with: metadata))
        let texts = read.diagnostics.map { "\($0.field ?? ""): \($0.message)" }
        #expect(texts.count == 1 && texts[0].hasPrefix(expected), "\(texts)")
    }

    @Test func `annotations have a limit on their bytes together`() {
        let value = String(repeating: "x", count: 100_000)
        let text = manifest().replacingFirst(
            "{name: hello}",
            with: "{name: hello, annotations: {a: \(value), b: \(value), c: \(value)}}"
        )
        #expect(
            problems(text).first?.contains(
                "metadata.annotations: have 300003 bytes, of at most 262144 together"
            ) == true
        )
    }

    @Test func `the process plugin needs a command, another may know what to run`() {
        let none = manifest().replacingFirst("  command: [true-program]\n", with: "")
        #expect(
            problems(none) == [
                "5:3: error: spec.command: is missing; the process plugin needs a program to run"
            ]
        )
        #expect(problems(none.replacingFirst("plugin: process", with: "plugin: wasm")) == [])
        #expect(
            problems(manifest().replacingFirst("[true-program]", with: "[]")).first?.contains(
                "names no program"
            ) == true
        )
        #expect(
            problems(manifest().replacingFirst("[true-program]", with: "[\"\"]")).first?.contains(
                "names no program"
            ) == true
        )
    }

    @Test func `a frame without its fields is told what is missing`() {
        let texts = file("metadata: {name: x}\n").diagnostics.map { "\($0.field ?? ""): \($0.message)" }
        #expect(
            texts == [
                "apiVersion: is missing; it must be \"era.dev/v1\"",
                "kind: is missing; it must be \"Deployment\"",
                "spec: is missing",
            ]
        )
    }
}
