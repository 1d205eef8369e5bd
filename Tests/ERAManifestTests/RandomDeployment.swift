import ERACore

/// Whole deployments, each part present or not, each value at its bounds or anywhere.
extension SeededRandom {
    mutating func deployment() throws -> Deployment {
        let metadata = Metadata(
            name: DeploymentName(checked: label()),
            namespace: chance(50) ? .default : NamespaceName(checked: label()),
            labels: map(upTo: 3) { $0.pick(["", "a", "A.b_c-d", String(repeating: "x", count: 63)]) },
            annotations: map(upTo: 3) { $0.argument() }
        )
        var spec = DeploymentSpec(
            version: try SemanticVersion(pick(["0.0.0", "1.2.3-rc.1+b.01", "18446744073709551615.0.1"])),
            runtime: try runtime()
        )
        spec.suspend = chance(30)
        spec.dependsOn = uniqueNames(upTo: 3).map {
            Dependency(
                name: DeploymentName(checked: "dep-" + $0),
                namespace: maybe { NamespaceName(checked: $0.label()) }
            )
        }
        spec.artifact = try chance(50) ? artifact() : nil
        spec.command = ["run"] + list(upTo: 3) { $0.argument() }
        spec.args = list(upTo: 4) { $0.argument() }
        spec.workingDirectory = path()
        spec.env = uniqueNames(upTo: 4).map {
            EnvironmentVariable(name: $0.uppercased() + " é", source: environmentSource())
        }
        spec.ports = ports()
        spec.volumes = uniqueNames(upTo: 4).map {
            VolumeSpec(name: PartName(checked: $0), mountPath: "m/\($0)", source: volumeSource())
        }
        spec.resources = ResourceLimits(
            memory: maybe { $0.size() },
            cpu: maybe { CPUShare(millicores: $0.pick([1, 500, 1000, .max])) },
            pids: maybe { $0.pick([1, 64, 4_194_304]) }
        )
        spec.user = maybe { $0.pick(["hello", "_svc-1$", "0", "4294967294"]) }
        spec.health = health(spec.ports.filter { $0.transport == .tcp }.map(\.name))
        policies(&spec)
        return Deployment(metadata: metadata, spec: spec)
    }

    private mutating func label() -> String {
        pick(["a", "0", "a-b", "no", "null", "1e3", String(repeating: "x", count: 63)])
    }

    private mutating func uniqueNames(upTo count: Int) -> [String] {
        Array(
            ["a", "no", "x-1", "0", "zz"].shuffled(using: &self).prefix(
                Int.random(in: 0...count, using: &self)
            )
        )
    }

    private mutating func map(upTo count: Int, _ value: (inout SeededRandom) -> String) -> [String: String] {
        let keys = ["app", "example.org/tier", "no", "1", "A_b.c"]
        return Dictionary(list(upTo: count) { ($0.pick(keys), value(&$0)) }) { _, last in last }
    }

    /// Any text that a program can be given.
    private mutating func argument() -> String {
        text().split(separator: "\0", omittingEmptySubsequences: false).joined(separator: "0")
    }

    private mutating func path() -> String { pick([".", "/", "a", "/srv/a b", "a/..b/", "no", " "]) }

    private mutating func size() -> ByteCount { ByteCount(pick([1, 1000, 1024, 1536, 256 << 20, .max])) }

    private mutating func duration(atLeast minimum: Int64 = 0) -> Duration {
        .milliseconds(
            pick([minimum, 1000, 1500, 90_000, 3_600_000, 8760 * 3_600_000].filter { $0 >= minimum })
        )
    }

    private mutating func seconds(atLeast minimum: Int) -> Int { pick([minimum, 7, 31_536_000]) }

    private mutating func runtime() throws -> RuntimeSpec {
        let members = list(upTo: 3) { ($0.text(), $0.json(depth: 3)) }
        return RuntimeSpec(
            plugin: pick([.process, PluginName(checked: "wasm")]),
            pluginVersion: try chance(50) ? VersionRequirement(">=1.0.0 <2.0.0-rc.1 =1.5.0") : nil,
            config: .object(Dictionary(members) { _, last in last })
        )
    }

    private mutating func artifact() throws -> ArtifactSpec {
        let digests = [
            "sha256:" + String(repeating: "0f", count: 32), "sha512:" + String(repeating: "a1", count: 64),
        ]
        let source = try ArtifactLocation(
            pick(["https://e.org/a?b#c", "http://e.org:80", "oci://e.org/a@sha256:00", "file:///a"])
        )
        return ArtifactSpec(
            source: source,
            digest: try source.needsDigest || chance(50) ? Digest(pick(digests)) : nil,
            format: pick(ArtifactSpec.Format.allCases),
            signature: try chance(50)
                ? SignatureSpec(
                    type: pick(SignatureSpec.Kind.allCases),
                    source: chance(50) ? ArtifactLocation("https://e.org/s") : nil,
                    keys: pick([
                        [], [.text("line one\nline two: x\n")],
                        [.text("one"), .file("/etc/era/a.pub"), .named(PartName(checked: "release"))],
                    ]),
                    allowDowngrade: chance(50)
                ) : nil,
            pullSecret: maybe { PartName(checked: $0.label()) }
        )
    }

    private mutating func environmentSource() -> EnvironmentVariable.Source {
        chance(50)
            ? .value(argument())
            : .secret(name: PartName(checked: label()), key: pick(["token", "a.b", "..a", "no"]))
    }

    private mutating func ports() -> [PortSpec] {
        uniqueNames(upTo: 4).enumerated().map { index, name in
            let transport = pick(PortSpec.TransportProtocol.allCases)
            return PortSpec(
                name: PartName(checked: name),
                port: pick([1, 65_532]) + index,
                host: pick(["127.0.0.1", "0.0.0.0", "::", "::1", "fe80::1", "::ffff:1.2.3.4"]),
                transport: transport,
                passSocket: transport == .tcp && chance(50)
            )
        }
    }

    private mutating func volumeSource() -> VolumeSpec.Source {
        switch Int.random(in: 0..<4, using: &self) {
        case 0: .persistent(retain: chance(50))
        case 1: .hostPath(path: pick(["/", "/srv/a b"]), readOnly: chance(50))
        case 2: .tmpfs(sizeLimit: maybe { $0.size() })
        default: .secret(name: PartName(checked: label()))
        }
    }

    private mutating func health(_ ports: [PartName]) -> HealthSpec {
        HealthSpec(
            startup: maybe { $0.probe(ports, successes: [1]) },
            liveness: maybe { $0.probe(ports, successes: [1]) },
            readiness: maybe { $0.probe(ports, successes: [1, 3, 100_000]) },
            minReadySeconds: seconds(atLeast: 0)
        )
    }

    private mutating func probe(_ ports: [PartName], successes: [Int]) -> ProbeSpec {
        let port: PortReference =
            ports.isEmpty || chance(50) ? .number(pick([1, 65_535])) : .name(pick(ports))
        let host = maybe { $0.pick(["localhost", "::1", "10.0.0.1"]) }
        let handler: ProbeSpec.Handler =
            switch Int.random(in: 0..<3, using: &self) {
            case 0:
                .httpGet(
                    .init(
                        path: pick(["/", "/ready?a=b"]),
                        port: port,
                        host: host,
                        scheme: pick(ProbeSpec.HTTPGet.Scheme.allCases),
                        headers: list(upTo: 2) { .init(name: "X-A", value: $0.pick(["", " a: b", "é\t"])) }
                    )
                )
            case 1: .tcpSocket(host: host, port: port)
            default: .exec(command: ["check"] + list(upTo: 2) { $0.argument() })
            }
        return ProbeSpec(
            handler: handler,
            initialDelaySeconds: seconds(atLeast: 0),
            periodSeconds: seconds(atLeast: 1),
            timeoutSeconds: seconds(atLeast: 1),
            successThreshold: pick(successes),
            failureThreshold: pick([1, 3, 100_000])
        )
    }

    private mutating func policies(_ spec: inout DeploymentSpec) {
        let pauses = [duration(), duration()].sorted()
        spec.restart = RestartSpec(
            policy: pick(RestartSpec.Policy.allCases),
            initialDelay: pauses[0],
            maxDelay: pauses[1],
            resetAfter: duration()
        )
        let delays = [duration(), duration()].sorted()
        spec.retry = RetrySpec(
            limit: pick([0, 5, 1000]),
            initialDelay: delays[0],
            factor: pick([1, 1.5, 2, 100]),
            maxDelay: delays[1]
        )
        spec.update = UpdateSpec(
            strategy: pick(UpdateSpec.Strategy.allCases),
            progressDeadline: duration(atLeast: 1000),
            bakeSeconds: seconds(atLeast: 0)
        )
        spec.rollback = RollbackSpec(enabled: chance(50))
        spec.stop = StopSpec(signal: pick(StopSpec.Signal.allCases), grace: duration())
        spec.revisionHistoryLimit = pick([0, 10, 1000])
    }
}
