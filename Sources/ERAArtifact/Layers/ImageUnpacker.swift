import CLinux
public import ERAContracts
public import ERACore
import ERALinux
import Glibc

/// Puts the layers of an image onto each other through libarchive, and defends the host against them.
///
/// Kept, since they belong to the container: owners, all permission bits, times, capabilities of programs and
/// `user.` attributes, links wherever they lead, FIFOs. Left out: devices, and all other attributes. Refused,
/// with nothing left behind: sockets, paths with `..`, and whatever is beyond the limits.
public struct ImageUnpacker: LayerUnpacker {
    private let limits: ArchiveLimits
    private let owners: OwnerLimits
    private let executor = BlockingExecutor(label: "era.layers")
    private let gate: Gate

    /// - Parameter owners: Fewer where we are root of a user namespace.
    public init(limits: ArchiveLimits = .image, owners: OwnerLimits = .none) {
        self.limits = limits
        self.owners = owners
        gate = Gate(limit: limits.parallelLimit)
    }

    public func chainID(of layers: [ImageLayer]) throws -> Digest {
        guard let first = layers.first?.diffID else {
            throw Failure.permanent(.unsupported, "the image has no layer, so there is nothing to run")
        }
        return try layers.dropFirst().reduce(first) { chain, layer in
            try Digest("sha256:" + hexadecimalSHA256(of: "\(chain) \(layer.diffID)"))
        }
    }

    public func unpack(
        _ layers: [ImageLayer],
        into directory: String,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws {
        try await withTaskExecutorPreference(executor) {
            try await gate.withPermit(queued: { progress(.queued) }) {
                try await unpackHere(layers, into: directory, progress)
            }
        }
    }

    // Async, so that it runs on the preferred executor; inside it is one piece of work.
    private func unpackHere(
        _ layers: [ImageLayer],
        into directory: String,
        _ progress: @escaping (StepProgress) -> Void
    ) async throws {
        do {
            guard access(directory, F_OK) != 0 else { return }
            let staged = try StagedTree(target: directory)
            do {
                try fill(staged, layers, progress)
                try Task.checkCancellation()
                try staged.commit()
            } catch {
                staged.discard()
                throw error
            }
        } catch let error as SystemError {
            throw error.failure
        }
    }

    private func fill(
        _ staged: StagedTree,
        _ layers: [ImageLayer],
        _ progress: @escaping (StepProgress) -> Void
    ) throws {
        let total = layers.reduce(0) { $0 + $1.size.bytes }
        progress(StepProgress(done: ByteCount(0), total: ByteCount(total)))
        var meter = UnpackMeter(total: ByteCount(total), report: progress)
        var extraction = LayerExtraction(try RootTree(staged.root), limits, owners)
        var before: Int64 = 0
        for (index, layer) in layers.enumerated() {
            do {
                try add(layer, to: &extraction) { meter.note(before + $0) }
            } catch let error as UnsafeArchive {
                throw Failure.permanent(
                    .unsafeArchive,
                    "layer \(index + 1) of the image's \(layers.count) is refused: \(error.reason); build the image "
                        + "anew"
                )
            }
            before += layer.size.bytes
        }
    }

    private func add(_ layer: ImageLayer, to extraction: inout LayerExtraction, note: (Int64) -> Void) throws
    {
        let hash = RunningHash(layer.diffID.algorithm)
        // Names in archives are UTF-8, whatever the daemon's locale is.
        let previous = era_artifact_use_utf8()
        defer { era_artifact_restore_locale(previous) }
        let reader = try ArchiveReader(
            tar: layer.path,
            outputLimit: limits.outputLimit(archiveSize: layer.size.bytes),
            observe: { hash.value.update($0) }
        )
        try extraction.run(reader, note: note)
        try reader.readRest()
        let found = try hash.value.digests().matching(layer.diffID.algorithm)
        guard found == layer.diffID else {
            throw Failure.permanent(
                .digestMismatch,
                "a layer of the image unpacks to \(found?.description ?? "nothing"), and its configuration says "
                    + "\(layer.diffID); push the image again"
            )
        }
    }
}

/// A class, because the reader's stream updates what its owner asks afterwards.
private final class RunningHash {
    var value: ContentHash

    init(_ algorithm: Digest.Algorithm) { value = ContentHash(declared: algorithm) }
}

extension ArchiveLimits {
    /// The bounds of one image: its entries and files in all layers, the ratio of each.
    public static let image: ArchiveLimits = {
        var limits = ArchiveLimits()
        limits.entryLimit = 1_000_000
        limits.sizeLimit = ByteCount(64 << 30)
        limits.ratioFloor = ByteCount(1 << 30)
        limits.pathLengthLimit = 4096
        limits.depthLimit = 256
        return limits
    }()
}
