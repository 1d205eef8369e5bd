import ERAContracts
import ERACore
import Glibc
import Testing

@testable import ERARuntime

/// Ports are found taken before the program is started, with the name of who has them.
@Suite struct WorkspacePortTests {
    private let workspace = LocalWorkspace(data: "/nonexistent", secrets: "/nonexistent")

    /// A socket bound to a free port of 127.0.0.1 or ::1.
    private struct Holder: ~Copyable {
        let descriptor: CInt
        let port: Int

        struct Problem: Error {}

        init(family: CInt = AF_INET, udp: Bool = false, listening: Bool = true) throws {
            let kind = CInt((udp ? SOCK_DGRAM : SOCK_STREAM).rawValue | SOCK_CLOEXEC.rawValue)
            descriptor = socket(family, kind, 0)
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(family)
            if family == AF_INET6 { address.sin6_addr = in6addr_loopback }
            var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
            let descriptor = descriptor
            let isBound = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { v4 in
                    if family == AF_INET { v4.pointee.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian }
                }
                return pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    bind(descriptor, pointer, length) == 0
                        && (udp || !listening || listen(descriptor, 1) == 0)
                        && getsockname(descriptor, pointer, &length) == 0
                }
            }
            guard isBound else { throw Problem() }
            port = Int(UInt16(bigEndian: address.sin6_port))
        }

        deinit { close(descriptor) }
    }

    private func check(
        _ port: Int,
        host: String = "127.0.0.1",
        _ transport: PortSpec.TransportProtocol = .tcp,
        passSocket: Bool = false
    ) async throws -> Failure? {
        let port = PortSpec(
            name: try PartName("http"),
            port: port,
            host: host,
            transport: transport,
            passSocket: passSocket
        )
        let spec = try workspaceSpec(ports: [port])
        do {
            try await workspace.checkPorts(spec)
            return nil
        } catch let failure as Failure {
            return failure
        }
    }

    @Test(arguments: [(AF_INET, "127.0.0.1", false), (AF_INET6, "::1", false), (AF_INET, "127.0.0.1", true)])
    func `a port in use names its owner, and is free afterwards`(family: CInt, host: String, udp: Bool)
        async throws
    {
        let port: Int
        do {
            let holder = try Holder(family: family, udp: udp)
            port = holder.port
            let failure = try await check(port, host: host, udp ? .udp : .tcp)
            #expect(failure?.code == .portTaken)
            #expect(failure?.persistence == .transient)
            #expect(failure?.message.contains("port \(port) on \(host) is in use by") == true)
            #expect(failure?.message.contains("(PID \(getpid()))") == true)
        }
        // A child that another test has forked holds it until it has come to its exec.
        try await eventually("it is free again") {
            try await check(port, host: host, udp ? .udp : .tcp) == nil
        }
    }

    @Test func `every address of the machine conflicts with one of them`() async throws {
        let holder = try Holder()
        #expect(try await check(holder.port, host: "0.0.0.0")?.code == .portTaken)
    }

    @Test func `TCP and UDP of one number do not conflict`() async throws {
        // Another program may have the same number for TCP by chance, but not every time.
        var isFree = false
        for _ in 0..<20 where !isFree {
            let holder = try Holder(udp: true)
            isFree = try await check(holder.port, .tcp) == nil
        }
        #expect(isFree)
    }

    @Test func `a socket that ERA passes on is not checked`() async throws {
        let holder = try Holder()
        #expect(try await check(holder.port, passSocket: true) == nil)
    }

    @Test(arguments: [
        (0, "127.0.0.1"), (65_536, "127.0.0.1"), (-1, "127.0.0.1"), (8080, "localhost"), (8080, ""),
        (8080, "192.0.2.1"), (8080, "1.2.3.4.5"),
    ])
    func `what cannot be bound says why`(port: Int, host: String) async throws {
        #expect(try await check(port, host: host)?.code.rawValue == "PortRefused")
    }

    @Test func `the tables of the kernel are read for listeners alone`() {
        let table = """
              sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
               0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0
               1: 0100007F:1F90 0100007F:C000 01 00000000:00000000 00:00000000 00000000     0        0 222 1 0
               2: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1 0
               3: garbage
            """
        #expect(SocketOwner.inodes(in: table, port: 8080, .tcp) == ["111"])
        #expect(SocketOwner.inodes(in: table, port: 8080, .udp) == ["111", "222"])
        #expect(SocketOwner.inodes(in: "", port: 1, .tcp) == [])
    }
}
