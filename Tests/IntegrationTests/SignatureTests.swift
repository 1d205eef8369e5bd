import ERAAPI
import ERAClient
import ERACore
import Glibc
import Testing

/// Programs that somebody signed, and those that somebody else did.
@Suite(
    .enabled(
        if: access("/usr/bin/minisign", X_OK) == 0,
        "minisign is not installed here (apt-get install minisign)"
    ),
    .timeLimit(.minutes(3))
)
struct SignatureTests {
    @Test func `what a trusted key signed runs; what another signed does not, and the old goes on`()
        async throws
    {
        try await Machine.with { machine in
            let maker = try await Maker(machine)
            try await machine.daemon()
            try await maker.publish("1", by: "release", "version:1.0.0")
            try machine.place(maker.manifest("1.0.0", "1"), "hello.yaml")
            let running = try await machine.reaches("hello", "runs") { $0.isReady }
            let pid = try #require(running.instance?.pid)
            let described = try await machine.era("describe", "hello").output
            #expect(described.contains("minisign key \(maker.fingerprint), as version 1.0.0"), "\(described)")
            #expect(described.contains("Verified"), "\(described)")

            // By another key, without a signature, altered after it was signed, and an older version.
            try await maker.publish("2", by: "stranger", "version:2.0.0")
            try await refused(machine, maker, "2.0.0", "2", "SignatureInvalid", pid)
            try maker.write("3")
            try await refused(machine, maker, "3.0.0", "3", "SignatureMissing", pid)
            try await maker.publish("4", by: "release", "version:4.0.0")
            try maker.write("4", "altered")
            try await refused(machine, maker, "4.0.0", "4", "SignatureInvalid", pid)
            try await maker.publish("5", by: "release", "version:0.9.0")
            try await refused(machine, maker, "5.0.0", "5", "DowngradeRefused", pid)

            try machine.place(maker.manifest("5.0.1", "5", more: ", allowDowngrade: true"), "hello.yaml")
            try await machine.reaches("hello", "runs 5.0.1") { $0.isReady && $0.version == "5.0.1" }
            // Back to what ran before, of a higher version: nobody is asked.
            _ = try await machine.era("rollback", "hello")
            try await machine.reaches("hello", "is back") { $0.phase == .running && $0.version == "1.0.0" }
        }
    }

    @Test func `a key that is none is told where it stands, and by the daemon at Validating`() async throws {
        try await Machine.with { machine in
            let maker = try await Maker(machine)
            try await machine.daemon()
            try maker.write("1")
            let signature = "\n    signature: {type: minisign, publicKey: RWQ}"
            let manifest = maker.unsigned("1.0.0", "1", signature)
            try machine.place(manifest, "hello.yaml")
            let problem = "spec.artifact.signature.publicKey: cannot read the minisign public key"
            try await machine.reaches("hello", "is refused") {
                $0.phase == .failed && $0.summary.contains(problem)
            }
            let told = try await machine.era("validate", machine.manifests + "/hello.yaml")
            #expect(told.code == 1 && told.output.contains("hello.yaml:9:44: error: \(problem)"), "\(told)")
        }
    }

    private func refused(
        _ machine: Machine,
        _ maker: Maker,
        _ version: String,
        _ name: String,
        _ code: String,
        _ pid: Int32
    ) async throws {
        try machine.place(maker.manifest(version, name), "hello.yaml")
        let object = try await machine.reaches("hello", "refuses \(version)") {
            $0.declaredVersion == version && $0.quarantine?.reason == code && $0.phase == .running
        }
        #expect(object.version == "1.0.0" && object.instance?.pid == pid, "\(object.summary)")
    }

    @Test func `a trust policy counts for what manifests do not sign, and is read anew`() async throws {
        try await Machine.with { machine in
            let maker = try await Maker(machine)
            let policy = "\(machine.root)/trust.yaml"
            let begun = try await machine.era(
                ["reconcile"] + machine.directories + ["--trust-policy", policy]
            )
            #expect(begun.code == 1 && begun.error.contains("trust.yaml"), "\(begun.error)")

            let text = "apiVersion: era.dev/v1\nkind: TrustPolicy\nkeys:\n"
            let stranger = try maker.key("stranger")
            let keys = "  - {name: a, type: minisign, publicKey: \(stranger)}\n"
            try write(text + keys, to: policy)
            try await machine.daemon(["--trust-policy", policy])
            try await maker.publish("1", by: "release", "version:1.0.0")
            try machine.place(maker.unsigned("1.0.0", "1"), "hello.yaml")
            let failed = try await machine.reaches("hello", "has failed") { $0.phase == .failed }
            #expect(failed.failure?.reason == "SignatureInvalid", "\(failed.summary)")

            let both = keys + "  - {name: b, type: minisign, file: \(maker.root)/release.pub}\n"
            try write(text + both, to: policy + ".new")
            try #require(rename(policy + ".new", policy) == 0)
            let doctor = try await machine.era("doctor", "--trust-policy", policy)
            #expect(doctor.output.contains("b (minisign key \(maker.fingerprint))"), "\(doctor.output)")
            _ = try await machine.era("retry", "hello")
            try await machine.reaches("hello", "runs") { $0.isReady }
            let described = try await machine.era("describe", "hello").output
            #expect(described.contains("b (minisign key \(maker.fingerprint))"), "\(described)")

            // Writable by others, it is nobody's word.
            chmod(policy, 0o666)
            try await maker.publish("2", by: "release", "version:2.0.0")
            try machine.place(maker.unsigned("2.0.0", "2"), "hello.yaml")
            try await eventually("it says why it waits") {
                try await machine.era("describe", "hello").output.contains("writable by everybody")
            }
            #expect(await machine.deployment("hello")?.version == "1.0.0")
            chmod(policy, 0o600)
            try await machine.reaches("hello", "runs 2.0.0") { $0.isReady && $0.version == "2.0.0" }
        }
    }
}

/// Who publishes programs, with two pairs of keys.
private struct Maker {
    let machine: Machine
    let root: String
    /// Of the key `release`, as minisign prints it.
    let fingerprint: String

    init(_ machine: Machine) async throws {
        self.machine = machine
        root = "\(machine.root)/made"
        mkdir(root, 0o700)
        for name in ["release", "stranger"] {
            let arguments = ["-G", "-W", "-p", "\(root)/\(name).pub", "-s", "\(root)/\(name).key"]
            try await Self.run(machine, arguments)
        }
        let first = text(of: "\(root)/release.pub").split(separator: "\n")[0]
        fingerprint = String(first.split(separator: " ").last ?? "")
    }

    private static func run(_ machine: Machine, _ arguments: [String]) async throws {
        let end = try await machine.program("/usr/bin/minisign", arguments).wait(within: .seconds(30))
        guard end == .code(0) else { throw Trouble("minisign ended by \(end)") }
    }

    func key(_ name: String) throws -> String {
        String(try #require(text(of: "\(root)/\(name).pub").split(separator: "\n").last))
    }

    /// A program that runs on, in a file of this name.
    func write(_ name: String, _ word: String = "made") throws {
        let path = "\(root)/\(name)"
        try IntegrationTests.write("#!/bin/sh\necho \(word)\nexec sleep 1000\n", to: path, mode: 0o700)
    }

    func publish(_ name: String, by key: String, _ comment: String) async throws {
        try write(name)
        let arguments = ["-S", "-s", "\(root)/\(key).key", "-m", "\(root)/\(name)", "-t", comment]
        try await Self.run(machine, arguments)
    }

    func manifest(_ version: String, _ name: String, more: String = "") throws -> String {
        let signature = "{type: minisign, publicKey: \(try key("release"))\(more)}"
        return unsigned(version, name, "\n    signature: \(signature)")
    }

    func unsigned(_ version: String, _ name: String, _ more: String = "") -> String {
        """
        apiVersion: era.dev/v1
        kind: Deployment
        metadata: {name: hello}
        spec:
          version: "\(version)"
          runtime: {plugin: process}
          artifact:
            source: file://\(root)/\(name)\(more)
          command: ["\(name)"]
          update: {bakeSeconds: 0}
          retry: {limit: 20, initialDelay: 200ms, factor: 1, maxDelay: 1s}

        """
    }
}
