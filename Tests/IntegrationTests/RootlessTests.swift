import ERAAPI
import ERAClient
import ERACore
import Glibc
import Testing

/// Containers of a daemon that is an ordinary user: real images, the real runc, newuidmap where it helps.
@Suite(
    .enabled(
        if: ImageRegistry.isPossible && OrdinaryUser.isPossible,
        "needs root to become another user, user namespaces, and: apt-get install runc umoci skopeo uidmap"
    ),
    .timeLimit(.minutes(5))
)
struct RootlessTests {
    @Test func `an image's user has its volume, secret and checks, and leaves nothing`() async throws {
        try await ImageRegistry.with { machine, registry in
            let user = try OrdinaryUser(machine, hasRange: true)
            try await registry.push("one")
            try await registry.push("two")
            for path in ["/default", "/default/api"] { mkdir(machine.secrets + path, 0o700) }
            try write("canary-0815", to: "\(machine.secrets)/default/api/token")
            for path in ["/default", "/default/api", "/default/api/token"] {
                user.own(machine.secrets + path)
            }
            let port = try machine.port()
            let daemon = try await user.daemon(["--insecure-registry", registry.host])
            let check = """
                test $(id -u) = 1234 && test $(cat /secret/token) = canary-0815 && test -w /state \
                && busybox mkdir -p /state/closed && echo $(id -u) > /state/closed/file && test -e /state/closed/file
                """
            let more = """
                user: web
                resources: {limits: {memory: 64Mi}}
                volumes: [{name: state, mountPath: /state, persistent: {}}, {name: api, mountPath: /secret, secret: {name: api}}]
                health: {startup: {exec: {command: ["/bin/sh", "-c", "\(check)"]}, periodSeconds: 1, timeoutSeconds: 10, failureThreshold: 20}}
                """
            try user.place(registry.manifest("1.0.0", tag: "one", port: port, more: more), "web.yaml")
            let first = try await machine.reaches("web", "runs") { $0.isReady && $0.version == "1.0.0" }
            #expect(await ask(port).body == "one")
            let pid = try #require(first.instance?.pid)
            // Users from 1 on are the range.
            #expect(owner(of: "/proc/\(pid)") == OrdinaryUser.firstOfRange + 1233)
            let volume = "\(machine.data)/volumes/default/web/state"
            #expect(owner(of: volume) == OrdinaryUser.firstOfRange + 1233)
            #expect(owner(of: "\(machine.data)/instances/default/web") == OrdinaryUser.number)
            #expect(try await machine.era("describe", "web").output.contains("memory limit not enforced"))

            // What another user of the container has is in the way of nothing.
            try user.place(registry.manifest("2.0.0", tag: "two", port: port, more: more), "web.yaml")
            try await machine.reaches("web", "runs 2.0.0") { $0.isReady && $0.version == "2.0.0" }
            #expect(await ask(port).body == "two")

            let second = try await machine.client.get(try machine.key("web")).instance?.pid
            try await daemon.crash()
            #expect(await ask(port).body == "two")
            try await user.daemon(["--insecure-registry", registry.host])
            let adopted = try await machine.reaches("web", "is adopted") {
                $0.phase == .running && $0.instance?.pid != nil
            }
            #expect(adopted.instance?.pid == second)

            // Without control groups its processes are found by their environment, which is another user's.
            let shim = try #require(machine.shims("web").first)
            kill(shim.pid, SIGKILL)
            try await eventually("the shim is gone") { !shim.isAlive }
            try await leaves(machine, registry)
            #expect(await ask(port) == .refused)
        }
    }

    @Test func `without a range a container is of root alone, and another user is refused`() async throws {
        try await ImageRegistry.with { machine, registry in
            let user = try OrdinaryUser(machine, hasRange: false)
            try await registry.push("one")
            let port = try machine.port()
            try await user.daemon(["--insecure-registry", registry.host])
            try user.place(registry.manifest("1.0.0", tag: "one", port: port), "web.yaml")
            let object = try await machine.reaches("web", "runs") { $0.isReady }
            #expect(await ask(port).body == "one")
            #expect(owner(of: "/proc/\(try #require(object.instance?.pid))") == OrdinaryUser.number)
            try user.place(
                registry.manifest("2.0.0", tag: "one", port: port, more: "user: web"),
                "web.yaml"
            )
            let refused = try await machine.reaches("web", "is back at 1.0.0") {
                $0.phase == .running && $0.version == "1.0.0" && $0.condition(.synced)?.reason == "RolledBack"
            }
            let message = refused.condition(.synced)?.message ?? ""
            #expect(message.contains("/etc/subuid"), "\(message)")
            try await leaves(machine, registry)
        }
    }

    @Test func `a range that is taken away is not used any more`() async throws {
        try await ImageRegistry.with { machine, registry in
            let user = try OrdinaryUser(machine, hasRange: true)
            try await registry.push("one")
            let port = try machine.port()
            try await user.daemon(["--insecure-registry", registry.host])
            try user.place(registry.manifest("1.0.0", tag: "one", port: port), "web.yaml")
            try await machine.reaches("web", "runs") { $0.isReady && $0.version == "1.0.0" }
            #expect(names(in: "\(machine.data)/rootfs").count == 1)
            try user.takeRange()
            try user.place(registry.manifest("2.0.0", tag: "one", port: port), "web.yaml")
            try await machine.reaches("web", "runs 2.0.0") { $0.isReady && $0.version == "2.0.0" }
            // What was unpacked for other users is another's.
            #expect(names(in: "\(machine.data)/rootfs").count == 2)
            try await leaves(machine, registry)
        }
    }

    @Test(.enabled(if: OrdinaryUser.canDelegate, "this kernel has no cgroup v2"))
    func `a container has a group of its own where groups are delegated, and it is removed`() async throws {
        try await ImageRegistry.with { machine, registry in
            let group = "/era-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
            let user = try OrdinaryUser(machine, hasRange: true, group: "\(group)/user/service")
            try await registry.push("one")
            let port = try machine.port()
            let daemon = try await user.daemon(["--insecure-registry", registry.host])
            try user.place(
                registry.manifest("1.0.0", tag: "one", port: port, more: "user: web"),
                "web.yaml"
            )
            let object = try await machine.reaches("web", "runs") { $0.isReady }
            let membership = text(of: "/proc/\(try #require(object.instance?.pid))/cgroup")
            #expect(membership.contains("0::\(group)/user/era/"), "\(membership)")
            try await leaves(machine, registry)
            try await daemon.crash()
            // Fails where something is left in a group.
            let script =
                "cd /sys/fs/cgroup\(group) && rmdir user/era user/service user && rmdir ../${PWD##*/}"
            #expect(try await user.inUnified(script) == .code(0))
        }
    }

    @Test func `the doctor says what a user can have here, and what is missing`() async throws {
        try await Machine.with { machine in
            let with = try await OrdinaryUser(machine, hasRange: true).era(["doctor"])
            #expect(with.contains("without root, with 65537 users"), "\(with)")
            let without = try await OrdinaryUser(machine, hasRange: false).era(["doctor"])
            #expect(without.contains("usermod --add-subuids"), "\(without)")
        }
    }

    private func leaves(_ machine: Machine, _ registry: ImageRegistry) async throws {
        try await machine.removes("web")
        #expect(names(in: "\(machine.data)/rootfs") == [])
        #expect(registry.containers.isEmpty)
    }

    private func owner(of path: String) -> UInt32? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_uid : nil
    }
}

/// A user of this machine for the processes of a test: files of `/etc` that only they see name it.
struct OrdinaryUser {
    static let number: UInt32 = 61_234
    static let firstOfRange: UInt32 = 700_000
    private let machine: Machine
    private let files: String
    /// The control group of its processes, in a directory of the hierarchy that is the user's.
    private let group: String?

    /// Whether somebody who is not root may have user namespaces, with what maps a range.
    static let isPossible: Bool = {
        let programs = ["/usr/bin/newuidmap", "/usr/bin/newgidmap", "/usr/bin/setpriv", "/usr/bin/unshare"]
        guard geteuid() == 0, programs.allSatisfy({ access($0, X_OK) == 0 }) else { return false }
        let words = ["--reuid=\(number)", "--regid=\(number)", "--clear-groups", "unshare", "-Ur", "true"]
        let (program, null) = ("/usr/bin/setpriv", "/dev/null")
        // What cannot be started has the answer.
        guard let trial = try? Child(program, words, ["PATH=/usr/bin:/bin"], output: null, error: null)
        else { return false }
        var status: Int32 = 0
        return waitpid(trial.pid, &status, 0) == trial.pid && status == 0
    }()

    /// Whether there is a hierarchy of version 2, which hosts of version 1 hardly use.
    static let canDelegate = text(of: "/proc/filesystems").contains("cgroup2")

    /// Makes a hierarchy of version 2 the only one that is seen.
    private static let unified =
        "umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup || exit 9\n"

    /// - Parameters:
    ///   - hasRange: Whether it was given users of its own.
    ///   - group: That of its processes, in a directory that was delegated to it, of cgroup v2 alone.
    init(_ machine: Machine, hasRange: Bool, group: String? = nil) throws {
        self.machine = machine
        self.group = group
        files = "\(machine.root)/etc-\(hasRange)"
        mkdir(files, 0o755)
        let range = hasRange ? "somebody:\(Self.firstOfRange):65536\n" : ""
        let line = "somebody:x:\(Self.number):\(Self.number)::\(machine.root):/bin/sh\n"
        let passwd = text(of: "/etc/passwd") + line
        for (name, text) in [("passwd", passwd), ("subuid", range), ("subgid", range)] {
            try write(text, to: "\(files)/\(name)")
            chmod("\(files)/\(name)", 0o644)
        }
        let own = [machine.root, machine.data, machine.run, machine.manifests, machine.secrets]
        for path in own { self.own(path) }
    }

    /// Takes its users away, while its daemon runs.
    func takeRange() throws {
        for name in ["subuid", "subgid"] { try write("", to: "\(files)/\(name)") }
    }

    /// Makes a file the user's.
    func own(_ path: String) { chown(path, Self.number, Self.number) }

    /// Renames a text of the user's into the directory of manifests.
    func place(_ manifest: String, _ file: String) throws {
        let draft = "\(machine.root)/draft-\(file)"
        try write(manifest, to: draft)
        own(draft)
        guard rename(draft, "\(machine.manifests)/\(file)") == 0 else {
            throw Trouble("cannot place \(file)")
        }
    }

    /// Starts a daemon of this user, and waits until it answers.
    @discardableResult
    func daemon(_ arguments: [String]) async throws -> Child {
        let child = try start(["daemon"] + machine.directories + arguments, output: machine.log)
        try await eventually("the daemon answers") {
            if let end = child.end { throw Trouble("the daemon has ended: \(end)") }
            return try await machine.isReady()
        }
        return child
    }

    /// What a command of this user says, whatever comes of it.
    func era(_ arguments: [String]) async throws -> String {
        let output = "\(files)/output"
        _ = try await start(arguments + machine.directories.prefix(6), output: output).wait()
        return text(of: output)
    }

    /// Runs a script of root's that sees cgroup v2 alone.
    func inUnified(_ script: String) async throws -> Child.End {
        let words = ["--mount", "--propagation", "slave", "/bin/sh", "-c", Self.unified + script]
        return try await machine.program("/usr/bin/unshare", words).wait()
    }

    private func start(_ arguments: [String], output: String) throws -> Child {
        let delegated =
            group.map { group in
                let path = "/sys/fs/cgroup\(group)"
                return Self.unified + "mkdir -p \(path); chown -R \(Self.number) \(path)/..; "
                    + "echo $$ > \(path)/cgroup.procs\n"
            } ?? ""
        let script = """
            exec >>$1 2>&1; shift
            \(delegated)
            for name in passwd subuid subgid; do mount --bind \(files)/$name /etc/$name || exit 9; done
            exec setpriv --reuid=\(Self.number) --regid=\(Self.number) --clear-groups \
                env -i HOME=\(machine.root) ERA_RUN_DIR=\(machine.run) PATH=/usr/local/bin:/usr/bin:/bin "$0" "$@"
            """
        let words = [
            "--mount", "--propagation", "slave", "/bin/sh", "-c", script, Machine.product("era"), output,
        ]
        return try machine.program("/usr/bin/unshare", words + arguments)
    }
}
