internal import CLinux
internal import ERACore
internal import ERALinux
internal import ERAManifest
internal import Glibc
internal import Logging

/// The bridge of one ERA, and how containers get on it and off it.
///
/// Everything is found again by whoever comes next: the bridge by its name, what a container has by a file in
/// its instance's directory.
struct ContainerNetworks: Sendable {
    /// Of an instance's directory of containers.
    static let recordName = "network.json"
    /// The most copies of a rule that are removed.
    static let copyLimit = 16
    /// How long it may wait for the removal of a bridge that is under way.
    static let lockLimit = Duration.seconds(20)
    /// How long a start that failed, or was cancelled, waits until its network is taken back.
    static let takeBackLimit = Duration.seconds(30)

    let bridge: String
    let shelf: CNIShelf
    /// `<run>/networks/BOOT`: what was given out in another boot is nobody's.
    let directory: String
    let bootID: String
    private let runDirectory: String
    private let seed: UInt32
    private let queue: BlockingQueue
    private let logger: Logger
    let clock: any Clock<Duration>

    /// - Parameter options: Of the plugin's surroundings.
    init(_ options: ShimHost.Options, queue: BlockingQueue, directories: [String] = CNIShelf.directories) {
        // FNV-1a of 32 bits: the same name for the same ERA, another for another.
        seed = options.dataDirectory.utf8.reduce(0x811C_9DC5) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
        let digits = String(seed, radix: 16)
        bridge = "era-" + String(repeating: "0", count: 8 - digits.utf8.count) + digits
        shelf = CNIShelf(directories: directories, searchPath: options.searchPath)
        directory = "\(options.runDirectory)/networks/\(options.bootID)"
        bootID = options.bootID
        runDirectory = options.runDirectory
        clock = options.clock
        logger = options.logger
        self.queue = queue
    }

    var leaseDirectory: String { "\(directory)/leases" }

    // MARK: On

    /// Makes a namespace for a container, on the bridge, with its ports mapped.
    ///
    /// The ports have to be held: from here on what comes for them goes to the container.
    /// - Parameter place: What is left there of an earlier run was taken back before.
    /// - Throws: ``Failure``; what was made is taken back, or noted for it.
    func connect(_ place: ContainerPlace, _ mappings: [PortMapping]) async throws -> NetworkAttachment {
        if let problem = shelf.problem { throw Failure.permanent(.unsupported, problem) }
        try await queue.run {
            try makeDirectories()
            try forgetOtherBoots()
        }
        let version = try await shelf.version()
        let lock = try await lock(LOCK_SH)
        defer { unlock(lock) }
        let subnet = try await makeBridge()
        let network = CNINetwork(
            bridge: bridge,
            subnet: subnet,
            leaseDirectory: leaseDirectory,
            version: version,
            mappings: mappings
        )
        let namespace = try await queue.run { try NetworkNamespace() }
        var record = NetworkRecord(bootID: bootID, network)
        try await write(record, place)
        do {
            var result: CNIResult?
            for plugin in network.plugins {
                var config = plugin.config
                if let result { config["prevResult"] = result.json }
                let answer = try await shelf.call(
                    plugin.type,
                    "ADD",
                    container: place.name,
                    namespace: namespace.path,
                    config: .object(config)
                )
                do throws(CNIError) {
                    result = try CNIResult(answer, of: network)
                } catch {
                    throw Failure.transient(.startFailed, "the CNI plugin \(plugin.type): \(error.message)")
                }
            }
            guard let result else { preconditionFailure("a network has a plugin") }
            record.result = result.json
            try await write(record, place)
            return NetworkAttachment(namespace: namespace, address: result.address, gateway: subnet.gateway)
        } catch {
            await takeBackAtOnce(record, place)
            throw error
        }
    }

    /// Takes back what a start made of a network that is not whole, also where the start was cancelled.
    private func takeBackAtOnce(_ record: NetworkRecord, _ place: ContainerPlace) async {
        do {
            try await uncancelled(within: Self.takeBackLimit, by: clock) { try await takeBack(record, place) }
        } catch {
            // What cannot be taken back now is by the next start, stop or delete: it is written down.
            logger.warning(
                "network of a container not taken back",
                metadata: ["container": "\(place.name)", "error": "\(error)"]
            )
        }
    }

    private func makeDirectories() throws {
        let all = String(directory.dropLast("/\(bootID)".utf8.count))
        for part in [runDirectory, all, directory, leaseDirectory]
        where mkdir(part, 0o700) != 0 && errno != EEXIST {
            throw failure("make the directory", part)
        }
    }

    private func forgetOtherBoots() throws {
        let folder = try Folder(root: String(directory.dropLast("/\(bootID)".utf8.count)))
        for name in try folder.names() where name != bootID { try folder.remove(name) }
    }

    private func makeBridge() async throws -> CNISubnet {
        let table = readSmallFile("/proc/net/route", limit: 1 << 20) ?? []
        let routes = HostRoute.parse(String(decoding: table, as: UTF8.self))
        guard let subnet = CNISubnet.choose(for: bridge, kept: address, among: routes, seed: seed) else {
            throw Failure.transient(
                .startFailed,
                "there is no subnet left for the bridge \(bridge): the host has routes to all of "
                    + CNISubnet.pools.map(\.description).joined(separator: ", ")
            )
        }
        let code = await queue.run { era_network_make_bridge(bridge, subnet.gateway.value, subnet.mask) }
        guard code == 0 else {
            throw Failure.transient(
                .startFailed,
                "cannot make the bridge \(bridge): \(SystemError(code).text)"
            )
        }
        for rule in BridgeRules(bridge: bridge, subnet: subnet).rules {
            guard try await iptables(rule.call("-C")).status != .code(0) else { continue }
            let outcome = try await iptables(rule.call(rule.isFirst ? "-I" : "-A"))
            guard outcome.status == .code(0) else {
                throw Failure.transient(
                    .startFailed,
                    "iptables takes no rule for the bridge \(bridge): \(outcome.lastLine)"
                )
            }
        }
        return subnet
    }

    /// The bridge's own; nil where there is no bridge.
    private var address: IPv4Address? {
        let value = era_network_address(bridge)
        return value == 0 ? nil : IPv4Address(value)
    }

    private func iptables(_ words: [String]) async throws -> HostTool.Outcome {
        guard let tool = shelf.iptables else {
            throw Failure.transient(.unsupported, shelf.problem ?? "there is no iptables")
        }
        return try await tool.run(words, within: CNIShelf.callLimit)
    }

    // MARK: Off

    /// Takes back what a container that does not run has; nothing is fine.
    ///
    /// - Throws: ``Failure``, with what stays.
    func disconnect(_ place: ContainerPlace) async throws {
        guard let bytes = try await queue.run({ try recordBytes(place) }) else { return }
        guard let record = NetworkRecord(bytes), record.bootID == bootID else {
            // Of another boot, or half of a file, which only a power failure leaves.
            return try await queue.run { try Folder(root: place.directory).remove(Self.recordName) }
        }
        try await queue.run { try makeDirectories() }
        let lock = try await lock(LOCK_SH)
        defer { unlock(lock) }
        try await takeBack(record, place)
    }

    private func takeBack(_ record: NetworkRecord, _ place: ContainerPlace) async throws {
        for plugin in record.plugins.reversed() {
            guard shelf.isWhole(plugin.type) else {
                try await takeBack(plugin.type, place)
                continue
            }
            var config = plugin.config.object ?? [:]
            if let result = record.result { config["prevResult"] = result }
            // The namespace is gone, or goes, with its interfaces: nobody has to undo what is in it.
            _ = try await shelf.call(
                plugin.type,
                "DEL",
                container: place.name,
                namespace: "",
                config: .object(config)
            )
        }
        try await queue.run { try Folder(root: place.directory).remove(Self.recordName) }
    }

    /// Takes back what a plugin has made that was uninstalled since. A mapping that stayed would catch what
    /// comes for the port's next owner.
    private func takeBack(_ plugin: String, _ place: ContainerPlace) async throws {
        guard plugin == "portmap" else { return try await queue.run { try removeLeases(of: place.name) } }
        let list = try await iptables(
            ["-w", "\(BridgeRules.lockSeconds)", "-t", "nat", "-S", MappingRules.entryChain]
        )
        // Where it fails there is no such chain, and no mapping.
        guard list.status == .code(0) else { return }
        guard list.output.utf8.count < HostTool.outputLimit else {
            throw Failure.transient(
                .pluginFault,
                "the rules of all port mappings are too many to find those of \(place.name): \(shelf.problem ?? "")"
            )
        }
        for words in MappingRules.removal(of: place.name, network: bridge, from: list.output) {
            let outcome = try await iptables(["-w", "\(BridgeRules.lockSeconds)", "-t", "nat"] + words)
            guard outcome.status == .code(0) else {
                throw Failure.transient(
                    .pluginFault,
                    "iptables cannot remove the port mappings of \(place.name): \(outcome.lastLine)"
                )
            }
        }
    }

    private func removeLeases(of container: String) throws {
        let path = "\(leaseDirectory)/\(bridge)"
        guard access(path, F_OK) == 0 else { return }
        let folder = try Folder(root: path)
        for name in try folder.names() where IPv4Address(name) != nil {
            let lease = try folder.content(name, limit: 4096) ?? []
            let owner = String(decoding: lease, as: UTF8.self).split(whereSeparator: \.isNewline).first
            if owner.map(String.init) == container { try folder.remove(name) }
        }
    }

    /// Removes the bridge, with its rules, where no container has an address on it.
    ///
    /// - Throws: ``Failure``.
    func removeIfUnused() async throws {
        guard access(leaseDirectory, F_OK) == 0 else { return }
        let lock = try openLock()
        defer { unlock(lock) }
        // Who has it is about to use the bridge, or to take the last address back.
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else { return }
        let leases = "\(leaseDirectory)/\(bridge)"
        guard !namesInDirectory(leases).contains(where: { IPv4Address($0) != nil }) else { return }
        if let address {
            let subnet = CNISubnet(address.value, CNISubnet.prefixLength)
            for rule in BridgeRules(bridge: bridge, subnet: subnet).rules {
                // Two that began at once may both have put it there.
                for _ in 0..<Self.copyLimit {
                    guard try await iptables(rule.call("-D")).status == .code(0) else { break }
                }
            }
        }
        let code = await queue.run { era_network_remove_bridge(bridge) }
        guard code == 0 else {
            throw Failure.transient(
                .pluginFault,
                "cannot remove the bridge \(bridge): \(SystemError(code).text)"
            )
        }
        try await queue.run { try Folder(root: directory).remove("leases") }
    }

    /// Whether there is something to take back of a container.
    func isConnected(_ place: ContainerPlace) -> Bool {
        access("\(place.directory)/\(Self.recordName)", F_OK) == 0
    }

    // MARK: Files

    private func recordBytes(_ place: ContainerPlace) throws -> [UInt8]? {
        let path = "\(place.directory)/\(Self.recordName)"
        if let bytes = readSmallFile(path, limit: NetworkRecord.sizeLimit) { return bytes }
        guard errno == ENOENT || errno == ENOTDIR else { throw failure("read", path) }
        return nil
    }

    private func write(_ record: NetworkRecord, _ place: ContainerPlace) async throws {
        try await queue.run {
            try Folder(root: place.directory).replace(
                Self.recordName,
                with: record.json.utf8Text(pretty: false),
                owner: nil,
                mode: 0o600
            )
        }
    }

    /// Shared by who uses the bridge; whoever removes it has it alone.
    private func lock(_ kind: Int32) async throws -> Int32 {
        let lock = try openLock()
        var waited = Duration.zero
        do {
            while flock(lock, kind | LOCK_NB) != 0 {
                guard waited < Self.lockLimit else {
                    throw Failure.transient(.timeout, "the bridge \(bridge) is being removed by another ERA")
                }
                try await clock.sleep(for: .milliseconds(5))
                waited += .milliseconds(5)
            }
        } catch {
            close(lock)
            throw error
        }
        return lock
    }

    /// Not by closing it alone: a program that is just being started has a copy until it is executed.
    private func unlock(_ lock: Int32) {
        flock(lock, LOCK_UN)
        close(lock)
    }

    private func openLock() throws -> Int32 {
        let path = "\(directory)/lock"
        let lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard lock >= 0 else { throw failure("open", path) }
        return lock
    }
}

/// A container's network, before and while it is started.
struct NetworkAttachment: Sendable {
    let namespace: NetworkNamespace
    let address: IPv4Address
    let gateway: IPv4Address
}

/// A network namespace that lasts as long as this does, or a process in it.
///
/// A class, because it owns a descriptor.
final class NetworkNamespace: Sendable {
    let descriptor: Int32

    /// - Throws: ``Failure``.
    init() throws {
        descriptor = era_network_namespace()
        guard descriptor >= 0 else {
            throw Failure.transient(
                .startFailed,
                "cannot make a network namespace: \(SystemError.last.text)"
            )
        }
    }

    deinit { close(descriptor) }

    /// As others can open it while we live.
    var path: String { "/proc/\(getpid())/fd/\(descriptor)" }
}
