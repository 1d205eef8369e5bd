internal import ERAContracts
internal import ERACore
internal import ERALinux
internal import ERAOCI
internal import Glibc
internal import Synchronization

/// Root file systems of images, each unpacked once, named by the chain ID of its layers, and only read from.
///
/// `<data>/rootfs/HEX` is one. An instance that uses it says so in its own directory, in a file that is there
/// before the root file system is; what no instance names goes. A class, since what is being made is known
/// to one process only: nobody collects it meanwhile.
final class RootStore: Sendable {
    static let directoryName = "rootfs"
    static let pinName = "rootfs"
    /// Of an instance's directory.
    static let placeName = "container"
    private static let retiredPrefix = ".gone-"
    /// How many images are unpacked at once: it is the disk that they wait for.
    static let unpackLimit = 2

    let directory: String
    /// Beside those of an overlay that root mounts: a namespace may keep notes as `user.` attributes only.
    static let namespaceOption = ",userxattr"

    private let dataDirectory: String
    private let unpacker: any LayerUnpacker
    /// What unpacks in a namespace; empty where ``unpacker`` does it there too.
    private let unpackProgram: [String]
    private let removal: TreeRemoval
    private let queue: BlockingQueue
    private let held = Mutex<[String: Holding]>([:])
    /// Each process that unpacks has bounds of its own, and knows of no other.
    private let unpacking = Gate(limit: RootStore.unpackLimit)
    private let trials = Gate(limit: 1)
    private let overlay = Mutex<Bool?>(nil)

    /// What is being made sure of, for as many callers.
    private struct Holding {
        var count = 0
        /// One of them at a time.
        let turn = Gate(limit: 1)
    }

    init(
        dataDirectory: String,
        unpacker: any LayerUnpacker,
        unpackProgram: [String],
        removal: TreeRemoval
    ) {
        self.dataDirectory = dataDirectory
        self.unpacker = unpacker
        self.unpackProgram = unpackProgram
        self.removal = removal
        queue = removal.queue
        directory = "\(dataDirectory)/\(Self.directoryName)"
    }

    func path(_ name: String) -> String { "\(directory)/\(name)" }

    /// The root file system that an instance uses; nil where it says none.
    ///
    /// - Throws: ``Failure`` when that cannot be told.
    func pinned(by instanceDirectory: String) throws -> String? {
        let path = "\(instanceDirectory)/\(Self.placeName)/\(Self.pinName)"
        guard let bytes = readSmallFile(path, limit: 256) else {
            guard errno == ENOENT || errno == ENOTDIR else { throw failure("read", path) }
            return nil
        }
        let name = String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        return Self.isName(name) ? name : nil
    }

    /// Makes sure that the layers' root file system is there, and is the instance's.
    ///
    /// - Parameter namespace: Whose users its files belong to; nil for the host's.
    /// - Returns: Its name.
    /// - Throws: ``Failure``, `CancellationError`.
    func use(
        _ layers: [ImageLayer],
        by instanceDirectory: String,
        in namespace: UserNamespace?,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws -> String {
        let name = try unpacker.chainID(of: layers).hex + (namespace?.mapping.tag ?? "")
        let turn = held.withLock { held in
            var holding = held[name] ?? Holding()
            holding.count += 1
            held[name] = holding
            return holding.turn
        }
        defer {
            held.withLock { held in
                held[name]?.count -= 1
                if held[name]?.count == 0 { held[name] = nil }
            }
        }
        let folder = try Folder(root: instanceDirectory).make(Self.placeName)
        try folder.replace(Self.pinName, with: Array("\(name)\n".utf8), owner: nil, mode: 0o600)
        // Programs in it may be set-uid: nobody else gets in.
        _ = try Folder(root: dataDirectory).make(Self.directoryName)
        try await turn.withPermit(queued: { progress(.queued) }) {
            // It is there whole or not at all.
            guard access(path(name), F_OK) != 0 else { return }
            try await unpacking.withPermit(queued: { progress(.queued) }) {
                try await unpack(layers, into: path(name), in: namespace, progress)
            }
        }
        return name
    }

    private func unpack(
        _ layers: [ImageLayer],
        into directory: String,
        in namespace: UserNamespace?,
        _ progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws {
        // It waits no more.
        progress(StepProgress(done: ByteCount(0), total: ByteCount(layers.reduce(0) { $0 + $1.size.bytes })))
        guard let namespace, !unpackProgram.isEmpty else {
            return try await unpacker.unpack(layers, into: directory, progress: progress)
        }
        let request = UnpackRequest(
            layers,
            into: directory,
            userCount: namespace.mapping.userCount,
            groupCount: namespace.mapping.groupCount
        )
        try await namespace.unpack(request, by: unpackProgram, progress: progress)
    }

    /// Removes what no instance uses, and what was left half made or half removed.
    ///
    /// - Throws: ``Failure``; where it cannot be told who uses what, nothing goes.
    func collect() async throws {
        let retired = try await queue.run { try self.retire() }
        try await removal.remove(retired, in: directory)
    }

    /// Takes away the names of what no instance uses.
    ///
    /// - Returns: What is to go.
    private func retire() throws -> [String] {
        guard access(directory, F_OK) == 0 else { return [] }
        let folder = try Folder(root: directory)
        let halves = try held.withLock { held -> [String] in
            var used = Set(held.keys)
            for id in try instanceDirectories(below: dataDirectory) {
                if let name = try pinned(by: "\(dataDirectory)/instances/\(id)") { used.insert(name) }
            }
            for name in try folder.names() where Self.isName(name) && !used.contains(name) {
                // At once, so that whoever wants it next makes it anew, and nobody meets a half.
                guard renameat(folder.descriptor, name, folder.descriptor, Self.retiredPrefix + name) == 0
                else { throw failure("remove", path(name)) }
            }
            let being = held.keys.map { ".\($0).staging-" }
            return try folder.names().filter { name in
                name.hasPrefix(".") && name.contains(".staging-")
                    && !being.contains { name.hasPrefix($0) }
            }
        }
        return try halves + folder.names().filter { $0.hasPrefix(Self.retiredPrefix) }
    }

    private static func isName(_ text: String) -> Bool {
        (64...128).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
            }
    }

    // MARK: Overlays

    /// Whether directories below the data directory can be put over each other; tried once.
    func hasOverlay() throws -> Bool {
        try overlay.withLock { known in
            if let known { return known }
            let found = try tryOverlay()
            known = found
            return found
        }
    }

    /// The options of an overlay, or nil where a path has what they give a meaning to.
    static func options(lower: String, upper: String, work: String) -> String? {
        guard ![lower, upper, work].contains(where: { $0.contains { ",:\\\"".contains($0) } }) else {
            return nil
        }
        return "lowerdir=\(lower),upperdir=\(upper),workdir=\(work)"
    }

    /// Whether the same can be done in a user namespace; tried once.
    func hasOverlay(in namespace: UserNamespace) async throws -> Bool {
        // They all have the same place.
        try await trials.withPermit { try await hasOverlayInTurn(in: namespace) }
    }

    private func hasOverlayInTurn(in namespace: UserNamespace) async throws -> Bool {
        if let known = overlay.withLock({ $0 }) { return known }
        let place = try await queue.run { try self.makeTrial() }
        guard let options = Self.options(at: place) else { return false }
        let mounted = UserNamespace.Overlay(
            target: "\(place)/merged",
            options: options + Self.namespaceOption
        )
        let outcome = try await namespace.run(
            ["mkdir", "\(place)/merged/a"],
            mounted,
            within: UserNamespaces.trialLimit
        )
        try await removal.remove([Self.trialName], in: directory)
        let found = outcome.status == .code(0)
        overlay.withLock { $0 = found }
        return found
    }

    private func tryOverlay() throws -> Bool {
        guard geteuid() == 0 else { return false }
        let place = try makeTrial()
        let isUsable = isUsable(at: place)
        try Folder(root: directory).remove(Self.trialName)
        return isUsable
    }

    private static let trialName = ".overlay"

    /// Makes directories that are put over each other for a trial.
    private func makeTrial() throws -> String {
        let place = path(Self.trialName)
        // A daemon that was killed in the midst of this left it mounted.
        umount2("\(place)/merged", Int32(MNT_DETACH))
        let folder = try Folder(root: dataDirectory).make(Self.directoryName)
        try folder.remove(Self.trialName)
        let inner = try folder.make(Self.trialName)
        for part in ["lower", "upper", "work", "merged"] { _ = try inner.make(part) }
        return place
    }

    private static func options(at place: String) -> String? {
        options(lower: "\(place)/lower", upper: "\(place)/upper", work: "\(place)/work")
    }

    private func isUsable(at place: String) -> Bool {
        guard let options = Self.options(at: place),
            mount("overlay", "\(place)/merged", "overlay", 0, options) == 0
        else { return false }
        defer { umount2("\(place)/merged", Int32(MNT_DETACH)) }
        // Some file systems can be mounted so, and then take nothing.
        return mkdir("\(place)/merged/a", 0o700) == 0 && rmdir("\(place)/merged/a") == 0
    }
}
