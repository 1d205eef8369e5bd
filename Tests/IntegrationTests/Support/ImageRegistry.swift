import Glibc
import Testing

/// A real registry on this machine, and images of one static program, made and pushed by others' tools.
struct ImageRegistry {
    let machine: Machine
    let host: String
    /// What it asks for, as `user:password`; nil where it lets everybody in.
    let login: String?
    private let process: Child

    /// Whether containers can run here, and be made.
    static let isPossible: Bool = {
        let programs: [String] = [
            "/bin/busybox", "/usr/bin/umoci", "/usr/bin/skopeo", "/usr/bin/docker-registry", "/usr/sbin/runc",
            "/usr/bin/htpasswd",
        ]
        return geteuid() == 0 && programs.allSatisfy { access($0, X_OK) == 0 }
    }()

    /// Gives a machine with a registry to `body`.
    ///
    /// - Parameter login: `user:password` that the registry asks for.
    static func with(
        login: String? = nil,
        _ body: (Machine, ImageRegistry) async throws -> Void
    ) async throws {
        try await Machine.with { machine in
            try await body(machine, ImageRegistry(machine, login))
        }
    }

    private init(_ machine: Machine, _ login: String?) async throws {
        self.machine = machine
        self.login = login
        (host, process) = try await machine.registry(login: login)
    }

    /// What an engine remembers, and where: of each boot on its own.
    var containers: [(directory: String, name: String)] {
        names(in: "\(machine.run)/containers").flatMap { boot in
            names(in: "\(machine.run)/containers/\(boot)").map { ("\(machine.run)/containers/\(boot)", $0) }
        }
    }

    /// Ends the registry.
    func end() { process.signal(SIGKILL) }

    /// Makes an image of two layers and pushes it: busybox with a page, and then the page that says the tag.
    func push(_ tag: String, entrypoint: [String] = ["/bin/busybox", "httpd", "-f", "-h", "/www"])
        async throws
    {
        let words = entrypoint.map { "--config.entrypoint '\($0)'" }.joined(separator: " ")
        let script = """
            set -e; mkdir -p "$0/image-\(tag)"; cd "$0/image-\(tag)"
            umoci init --layout layout; umoci new --image layout:x
            umoci unpack --image layout:x base
            mkdir -p base/rootfs/bin base/rootfs/etc base/rootfs/www; cp /bin/busybox base/rootfs/bin/
            for name in sh sleep cat test id; do ln -s busybox base/rootfs/bin/$name; done
            printf 'root:x:0:0::/:/bin/sh\\nweb:x:1234:1234::/www:/bin/sh\\n' > base/rootfs/etc/passwd
            echo old > base/rootfs/www/index.html; echo gone > base/rootfs/www/old.html
            umoci repack --image layout:x base
            umoci config --image layout:x \(words) --config.env GREETING=image
            umoci unpack --image layout:x next
            printf '\(tag)' > next/rootfs/www/index.html; rm next/rootfs/www/old.html
            umoci repack --image layout:x next
            skopeo copy --quiet --dest-tls-verify=false oci:layout:x docker://\(host)/apps/web:\(tag)
            """
        let push = try machine.program("/bin/sh", ["-c", script, machine.root])
        let end = try await push.wait(within: .seconds(60))
        guard end == .code(0) else { throw Trouble("the push of \(tag) ended by \(end)") }
    }

    /// Makes an image of programs of this host, as samples/image.sh makes one, and pushes it.
    ///
    /// - Parameters:
    ///   - name: `repository:tag`.
    ///   - programs: The first is the entry point.
    ///   - files: Further ones of the image, by their absolute paths.
    /// - Returns: The digest of the manifest.
    func push(_ name: String, programs: [String], files: [String: String] = [:]) async throws -> String {
        let work = "\(machine.root)/made-\(name.replacing("/", with: "-"))"
        mkdir(work, 0o700)
        mkdir(work + "/tree", 0o755)
        for (path, text) in files {
            let parts = path.split(separator: "/").dropLast()
            for end in parts.indices { mkdir("\(work)/tree/" + parts[...end].joined(separator: "/"), 0o755) }
            try write(text, to: "\(work)/tree\(path)", mode: 0o644)
        }
        let source = "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
        let script = """
            set -e; cd "$0"; output=$1; shift
            sh \(source)/samples/image.sh \(host)/\(name) $output -f tree "$@"
            skopeo copy --quiet --preserve-digests --dest-tls-verify=false --digestfile digest \
                \(login.map { "--dest-creds \($0)" } ?? "") oci-archive:$output docker://\(host)/\(name)
            rm $output
            """
        let push = try machine.program("/bin/sh", ["-c", script, work, "image.tar"] + programs)
        let end = try await push.wait(within: .seconds(60))
        guard end == .code(0) else { throw Trouble("the push of \(name) ended by \(end)") }
        return String(text(of: work + "/digest").prefix { $0 != "\n" })
    }

    /// A manifest of a container that serves on a port.
    func manifest(_ version: String, tag: String, port: UInt16, more: String = "") -> String {
        let lines =
            [
                "version: \"\(version)\"", "runtime: {plugin: container}",
                "artifact: {source: \"oci://\(host)/apps/web:\(tag)\"}",
                "args: [\"-p\", \"127.0.0.1:\(port)\"]",
                "ports: [{name: http, port: \(port)}]", "update: {bakeSeconds: 0}",
                "stop: {signal: KILL}", "retry: {limit: 1}",
            ] + more.split(separator: "\n").map(String.init)
        return "apiVersion: era.dev/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n"
            + lines.map { "  \($0)\n" }.joined()
    }
}

extension Machine {
    /// Where a registry writes what it was asked.
    var registryLog: String { root + "/registry.log" }

    /// Starts a docker-registry with its files on this machine; returns once it answers.
    ///
    /// - Parameters:
    ///   - port: Of one that was there before, and has the same files; nil for a new one.
    ///   - login: `user:password` that it asks for; nil for none.
    func registry(at port: UInt16? = nil, login: String? = nil) async throws -> (host: String, process: Child)
    {
        let port = try port ?? self.port()
        let host = "127.0.0.1:\(port)"
        let configuration = "\(root)/registry.yaml"
        var lines = """
            version: 0.1
            storage: {filesystem: {rootdirectory: \(root)/registry}}
            http: {addr: "\(host)"}

            """
        if let login {
            let words = login.split(separator: ":").map(String.init)
            let arguments = ["-Bbc", "\(root)/htpasswd"] + words
            let end = try await program("/usr/bin/htpasswd", arguments).wait(within: .seconds(30))
            guard end == .code(0) else { throw Trouble("htpasswd ended by \(end)") }
            lines += "auth: {htpasswd: {realm: test, path: \(root)/htpasswd}}\n"
        }
        try write(lines, to: configuration)
        let process = try program(
            "/usr/bin/docker-registry",
            ["serve", configuration],
            output: registryLog
        )
        try await eventually("the registry answers") { await ask(port).body != nil }
        return (host, process)
    }
}
