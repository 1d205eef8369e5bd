import CLinux
import ERACore
import Glibc

/// Whether a port can be bound now, and by whom it is taken if not.
struct PortCheck {
    private let port: PortSpec

    init(_ port: PortSpec) { self.port = port }

    /// Who has a port at which nobody listens.
    private static let unknown = "another program, or kept for a container (era get -A)"

    /// For a port that is to be mapped to a container: whether a program has it that listens there.
    ///
    /// A port that is only held cannot be told from one that is held for this very container.
    /// - Throws: ``Failure`` `PortTaken` or `PortRefused`.
    func runForMapping() throws(Failure) {
        do throws(Failure) {
            try run()
        } catch {
            let isHeld =
                error.code == .portTaken
                && (port.transport == .udp
                    || SocketOwner.find(port: UInt16(truncatingIfNeeded: port.port), .tcp) == nil)
            guard isHeld else { throw error }
        }
    }

    /// - Throws: ``Failure`` `PortTaken` or `PortRefused`.
    func run() throws(Failure) {
        guard let number = UInt16(exactly: port.port), number > 0 else {
            throw .permanent(.portRefused, "port \(port.port) (\(port.name)) is not between 1 and 65535")
        }
        let place = "port \(number) on \(port.host)"
        switch era_try_bind(port.host, number, port.transport == .udp ? 1 : 0) {
        case 0: return
        case EADDRINUSE:
            let owner = SocketOwner.find(port: number, port.transport)
            let advice = "stop that program or choose another port for \(port.name)"
            throw .transient(.portTaken, "\(place) is in use by \(owner ?? Self.unknown); \(advice)")
        case EADDRNOTAVAIL:
            throw .transient(
                .portRefused,
                "\(place) cannot be bound: the address is not one of this machine's"
            )
        case EACCES, EPERM:
            throw .permanent(
                .portRefused,
                "\(place) cannot be bound: it takes root; choose a port from 1024 on, or lower "
                    + "net.ipv4.ip_unprivileged_port_start (sysctl)"
            )
        case EINVAL:
            throw .permanent(.portRefused, "\(place) cannot be bound: the host is no IPv4 or IPv6 address")
        case let code: throw .system("bind", place, code: code)
        }
    }
}

/// Finds who has a socket, through /proc, as far as this user may look.
///
/// Source: proc_pid_net(5): in the tables of sockets the second field is `address:port` in hexadecimal, the
/// tenth the inode; 0A is the state of a listener.
enum SocketOwner {
    /// The most entries of a table that are looked at.
    static let tableLimit = 100_000

    /// - Returns: `nginx (PID 123)`, or nil when it cannot be told.
    static func find(port: UInt16, _ transport: PortSpec.TransportProtocol) -> String? {
        let name = transport == .tcp ? "tcp" : "udp"
        let inodes = ["/proc/net/\(name)", "/proc/net/\(name)6"].flatMap { table in
            Self.inodes(in: readText(table), port: port, transport)
        }
        guard !inodes.isEmpty else { return nil }
        let links = Set(inodes.map { "socket:[\($0)]" })
        // Without /proc there is no name to give; the port is taken all the same.
        guard let processes = try? Folder(root: "/proc").names() else { return nil }
        for process in processes where Int(process) != nil {
            // Others' descriptors are hidden from all but root.
            guard let descriptors = try? Folder(root: "/proc/\(process)/fd").names() else { continue }
            for descriptor in descriptors where links.contains(target("/proc/\(process)/fd/\(descriptor)")) {
                let command = readText("/proc/\(process)/comm").filter { !$0.isNewline }
                return "\(command.isEmpty ? "a program" : command) (PID \(process))"
            }
        }
        return nil
    }

    /// The inodes of the sockets in one table of /proc/net that are bound to a port.
    static func inodes(in table: String, port: UInt16, _ transport: PortSpec.TransportProtocol) -> [Substring]
    {
        table.split(separator: "\n").dropFirst().prefix(tableLimit).compactMap { line in
            let fields = line.split(separator: " ", omittingEmptySubsequences: true)
            guard fields.count > 9, let colon = fields[1].lastIndex(of: ":"),
                UInt16(fields[1][fields[1].index(after: colon)...], radix: 16) == port,
                transport == .udp || fields[3] == "0A"
            else { return nil }
            return fields[9]
        }
    }

    private static func target(_ link: String) -> String {
        withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { buffer in
            guard let start = buffer.baseAddress else { return "" }
            let count = readlink(link, start.assumingMemoryBound(to: CChar.self), buffer.count)
            return count > 0 ? String(decoding: buffer.prefix(count), as: UTF8.self) : ""
        }
    }

    private static func readText(_ path: String) -> String {
        let file = era_open_at(AT_FDCWD, path, O_RDONLY, 0)
        guard file >= 0 else { return "" }
        defer { _ = close(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while bytes.count < 16 << 20 {
            let count = read(file, &buffer, buffer.count)
            guard count > 0 else { break }
            bytes.append(contentsOf: buffer[..<count])
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
