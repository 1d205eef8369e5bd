import CLibArchive
import CLinux
public import ERACore
public import ERAContracts
import ERALinux
import Glibc

/// Unpacks tar (plain, gzip, bzip2, xz, zstd) and zip through libarchive, and defends the host against both.
///
/// Kept: files, directories, the permission bits without set-uid, set-gid, sticky and the write
/// bits of others, hard links and symbolic links that stay inside. Dropped: owners, times,
/// extended attributes, access lists. Refused, with nothing left behind: everything else, and
/// whatever is beyond ``ArchiveLimits``. A single directory at the top is kept as it is, not
/// stripped: what the archive says is where files are.
///
/// `auto` means zip for what begins as one, tar for what is one after decompression, and else the file as it
/// is; a compressed file that holds no tar is refused, because it could be meant either way.
public struct ArchiveUnpacker: ArtifactUnpacker {
    private let limits: ArchiveLimits
    private let executor = BlockingExecutor(label: "era.unpack")
    private let gate: Gate

    public init(limits: ArchiveLimits = ArchiveLimits()) {
        self.limits = limits
        gate = Gate(limit: limits.parallelLimit)
    }

    public func unpack(
        _ path: String,
        name: String,
        format: ArtifactSpec.Format,
        into directory: String,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws {
        try await withTaskExecutorPreference(executor) {
            try await gate.withPermit(queued: { progress(.queued) }) {
                try await unpackHere(path, name: name, format: format, into: directory, progress)
            }
        }
    }

    public func layOut(
        _ files: [ArtifactFile],
        into directory: String,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws {
        try await withTaskExecutorPreference(executor) {
            try await gate.withPermit(queued: { progress(.queued) }) {
                try await layOutHere(files, into: directory, progress)
            }
        }
    }

    // Async, so that they run on the preferred executor; inside, each is one piece of work.
    private func unpackHere(
        _ path: String,
        name: String,
        format: ArtifactSpec.Format,
        into directory: String,
        _ progress: @escaping (StepProgress) -> Void
    ) async throws {
        try make(directory, from: "the archive \(name)") { tree in
            // It is its turn, whatever comes of it.
            let size = ByteCount(Int64(try Descriptor(path, O_RDONLY).status().st_size))
            progress(StepProgress(done: ByteCount(0), total: size))
            try fill(tree, Archive(path: path, name: name, size: size, progress: progress), format)
        }
    }

    private func layOutHere(
        _ files: [ArtifactFile],
        into directory: String,
        _ progress: @escaping (StepProgress) -> Void
    ) async throws {
        try make(directory, from: "the artifact") { tree in
            let total = ByteCount(files.reduce(0) { $0 + $1.size.bytes })
            var done: Int64 = 0
            // Directories last: their links lead nowhere before all plain files are there.
            for file in files.filter({ !$0.isDirectory }) + files.filter(\.isDirectory) {
                let before = done
                let archive = Archive(path: file.path, name: file.place, size: file.size) { part in
                    progress(StepProgress(done: ByteCount(before + part.done.bytes), total: total))
                }
                progress(StepProgress(done: ByteCount(before), total: total))
                if file.isDirectory {
                    try fill(tree, archive, .tar)
                } else {
                    try addRaw(archive, to: tree, mode: try Self.isProgram(file.path) ? 0o755 : 0o644)
                }
                done += file.size.bytes
            }
        }
    }

    private func make(_ directory: String, from subject: String, _ fill: (StagedTree) throws -> Void) throws {
        do {
            guard access(directory, F_OK) != 0 else { return }
            let tree = try StagedTree(target: directory)
            do {
                try fill(tree)
                try Task.checkCancellation()
                try tree.commit()
            } catch {
                tree.discard()
                throw error
            }
        } catch let error as SystemError {
            throw error.failure
        } catch let error as UnsafeArchive {
            throw Failure.permanent(
                .unsafeArchive,
                "\(subject) is refused: \(error.reason); have it packed anew"
            )
        }
    }

    private func fill(_ tree: StagedTree, _ archive: Archive, _ format: ArtifactSpec.Format) throws {
        switch format {
        case .raw: try addSingle(archive, to: tree)
        case .zip: try unpackZip(archive, to: tree)
        case .tar:
            guard try unpackTar(archive, to: tree) == .unpacked else {
                throw UnsafeArchive("it is no tar archive")
            }
        case .auto:
            if try Self.beginsAsZip(archive.path) { return try unpackZip(archive, to: tree) }
            switch try unpackTar(archive, to: tree) {
            case .unpacked: return
            case .noTar(compression: nil): try addSingle(archive, to: tree)
            case .noTar(let compression?):
                throw UnsafeArchive(
                    "it is compressed with \(compression), but holds no tar; say `format: raw` to use it as it is"
                )
            }
        }
    }

    private static func beginsAsZip(_ path: String) throws -> Bool {
        let magic = try opening(path)
        return magic.starts(with: [0x50, 0x4B, 3, 4]) || magic.starts(with: [0x50, 0x4B, 5, 6])
    }

    /// Whether a file begins as what the kernel executes does: an ELF, or the name of an interpreter.
    private static func isProgram(_ path: String) throws -> Bool {
        let magic = try opening(path)
        return magic.starts(with: [0x7F, 0x45, 0x4C, 0x46]) || magic.starts(with: Array("#!".utf8))
    }

    /// The first four bytes, if there are so many.
    private static func opening(_ path: String) throws -> [UInt8] { try readFile(path, limit: 4) }

    private func addSingle(_ archive: Archive, to tree: StagedTree) throws {
        guard !archive.name.contains("/") else {
            throw UnsafeArchive("\"\(archive.name)\" is no name for a file")
        }
        try addRaw(archive, to: tree, mode: 0o755)
    }

    private func addRaw(_ archive: Archive, to tree: StagedTree, mode: mode_t) throws {
        guard let entry = try EntryPath(archive.name, limits) else {
            throw UnsafeArchive("\"\(archive.name)\" is no name for a file")
        }
        let source = try Descriptor(archive.path, O_RDONLY)
        let file = try tree.addFile(entry, mode: mode)
        if era_artifact_clone(file.number, source.number) == 0 { return }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
        defer { buffer.deallocate() }
        var meter = archive.meter
        var written: Int64 = 0
        while true {
            try Task.checkCancellation()
            let count = try source.read(into: buffer, from: archive.path)
            if count == 0 { return }
            try file.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]), to: archive.name)
            written += Int64(count)
            meter.note(written)
        }
    }

    private func unpackZip(_ archive: Archive, to tree: StagedTree) throws {
        try ZipTail.check(archive.path)
        try speakingUTF8 {
            let reader = try ArchiveReader(zip: archive.path)
            var extraction = extraction(of: archive, into: tree)
            try extraction.run(reader)
        }
    }

    private enum TarOutcome: Equatable {
        case unpacked
        case noTar(compression: String?)
    }

    private func unpackTar(_ archive: Archive, to tree: StagedTree) throws -> TarOutcome {
        try speakingUTF8 {
            var extraction = extraction(of: archive, into: tree)
            let reader = try ArchiveReader(tar: archive.path, outputLimit: extraction.outputLimit)
            do {
                try extraction.run(reader)
            } catch is UnsafeArchive where reader.isOtherFormat {
                return .noTar(compression: reader.compression)
            }
            return .unpacked
        }
    }

    private func extraction(of archive: Archive, into tree: StagedTree) -> Extraction {
        Extraction(
            tree: tree,
            limits: limits,
            outputLimit: limits.outputLimit(archiveSize: archive.size.bytes),
            meter: archive.meter
        )
    }

    /// Names in archives are UTF-8, whatever the daemon's locale is.
    private func speakingUTF8<Value>(_ body: () throws -> Value) rethrows -> Value {
        let previous = era_artifact_use_utf8()
        defer { era_artifact_restore_locale(previous) }
        return try body()
    }
}

/// A file to unpack, and who wants to know how far that has come.
private struct Archive {
    let path: String
    let name: String
    let size: ByteCount
    let progress: (StepProgress) -> Void

    var meter: UnpackMeter { UnpackMeter(total: size, report: progress) }
}

/// Reports how much of an archive has been read, ten times a second at most.
struct UnpackMeter {
    private static let interval = Duration.milliseconds(100)

    let total: ByteCount
    let report: (StepProgress) -> Void
    private var lastAt = ContinuousClock.now

    init(total: ByteCount, report: @escaping (StepProgress) -> Void) {
        self.total = total
        self.report = report
    }

    mutating func note(_ done: Int64) {
        let now = ContinuousClock.now
        guard now - lastAt >= Self.interval else { return }
        lastAt = now
        report(StepProgress(done: ByteCount(min(done, total.bytes)), total: total))
    }
}
