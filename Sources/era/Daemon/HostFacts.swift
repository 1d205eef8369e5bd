import Glibc

/// What the daemon must know of the machine and of its own installation.
struct HostFacts: Sendable {
    var bootID: String
    var shimPath: String
    /// Where commands of the host are looked for: the daemon's own PATH.
    var searchPath: [String]

    /// - Throws: ``CommandFailure`` when `/proc` is not mounted or `era-shim` is nowhere.
    init(_ environment: Environment) throws {
        bootID = try Self.bootID()
        shimPath = try Self.findShim(environment)
        let path = environment["PATH"] ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        searchPath = path.split(separator: ":").map(String.init).filter { $0.hasPrefix("/") }
    }

    private static func bootID() throws -> String {
        let path = "/proc/sys/kernel/random/boot_id"
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw CommandFailure("cannot read \(path): mount /proc, by which processes are told apart")
        }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = read(descriptor, &bytes, bytes.count)
        return String(
            decoding: bytes.prefix(max(0, count)).prefix { $0 != UInt8(ascii: "\n") },
            as: UTF8.self
        )
    }

    /// Beside the program itself, or in `../libexec/era` from it.
    private static func findShim(_ environment: Environment) throws -> String {
        let own = executablePath()
        let directory = own.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(
            separator: "/"
        )
        let candidates = ["\(directory)/era-shim", "\(directory)/../libexec/era/era-shim"]
        guard let found = candidates.first(where: { access($0, X_OK) == 0 }) else {
            throw CommandFailure(
                "cannot find era-shim, the parent of each program; install it beside \(own), "
                    + "or in ../libexec/era from there"
            )
        }
        return found
    }

    /// The program's own file.
    static func executablePath() -> String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        return String(decoding: buffer.prefix(max(0, count)).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
