import ERACore
import ERAContracts
import Glibc

/// Copies a regular file of this machine into the store.
///
/// What is verified and used afterwards is the copy: the file may change or go. A symbolic link as the
/// last component is refused, because what it leads to can change while the manifest stays the same; links
/// among its directories are followed. Where the file system can share blocks, nothing is copied.
struct FileFetcher: SchemeFetcher {
    let store: ContentStore
    let options: FetchOptions

    func fetch(
        _ artifact: ArtifactSpec,
        in namespace: NamespaceName,
        report: @escaping @Sendable (StepProgress) -> Void
    ) async throws -> ContentStore.Blob {
        let path = try Self.path(of: artifact.source)
        let file = try Self.open(path)
        let before = try file.status()
        guard before.st_mode & S_IFMT == S_IFREG else {
            throw Failure.permanent(.fetchRefused, "\(path) is not a regular file; name one")
        }
        let size = Int64(before.st_size)
        guard size <= options.sizeLimit.bytes else {
            throw Failure.permanent(
                .artifactTooLarge,
                "\(path) has \(size) bytes, the limit is \(options.sizeLimit)"
            )
        }
        return try await store.ingest(
            "file-" + hexadecimalSHA256(of: path),
            declared: artifact.digest?.algorithm,
            resume: false
        ) { ingest in
            if try !ingest.clone(file) {
                guard store.hasSpace(for: size, reserve: options.freeSpaceReserve) else {
                    throw Failure.transient(
                        .noSpace,
                        "no room for the \(size) bytes of \(path) in the artifact store; free some space"
                    )
                }
                try copy(file, path, to: ingest) {
                    report(StepProgress(done: $0, total: ByteCount(size)))
                }
            }
            let after = try file.status()
            guard ContentStore.Identity(before) == ContentStore.Identity(after), ingest.count == size else {
                throw Failure.transient(.fetchFailed, "\(path) changed while it was copied")
            }
            report(StepProgress(done: ByteCount(size), total: ByteCount(size)))
            do {
                return try ingest.commit(expecting: artifact.digest)
            } catch let mismatch as DigestMismatch {
                throw Failure.permanent(
                    .digestMismatch,
                    "\(path) has the digest \(mismatch.found), the manifest declares \(mismatch.declared); "
                        + "correct the one that is wrong"
                )
            }
        }
    }

    /// The whole of a small file, by the same rules.
    ///
    /// - Throws: ``Failure``.
    static func small(_ source: ArtifactLocation, limit: Int) throws -> [UInt8] {
        let path = try path(of: source)
        let file = try open(path)
        let status = try speakingFailure { try file.status() }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw Failure.permanent(.fetchRefused, "\(path) is not a regular file; name one")
        }
        let bytes = try speakingFailure { try file.bytes(limit: limit + 1, path) }
        guard bytes.count <= limit else {
            throw Failure.permanent(.artifactTooLarge, "\(path) has more than \(limit) bytes; it is refused")
        }
        return bytes
    }

    private func copy(
        _ file: borrowing Descriptor,
        _ path: String,
        to ingest: Ingest,
        report: (ByteCount) -> Void
    ) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            try Task.checkCancellation()
            let count = try file.read(into: buffer, from: path)
            if count == 0 { return }
            try ingest.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            guard ingest.count <= options.sizeLimit.bytes else {
                throw Failure.permanent(
                    .artifactTooLarge,
                    "\(path) grew above the limit of \(options.sizeLimit) while it was copied"
                )
            }
            report(ByteCount(ingest.count))
        }
    }

    private static func open(_ path: String) throws -> Descriptor {
        do throws(SystemError) {
            // O_NONBLOCK: opening a FIFO would wait for its writer.
            return try Descriptor(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        } catch { throw failure(error) }
    }

    /// - Throws: ``Failure`` for a broken escape, or one that stands for NUL.
    private static func path(of source: ArtifactLocation) throws -> String {
        guard let path = percentDecoded(source.url.dropFirst("file://".count)), !path.utf8.contains(0) else {
            throw Failure.permanent(.fetchRefused, "\(source) is not the address of a file")
        }
        return path
    }

    private static func failure(_ error: SystemError) -> Failure {
        switch error.code {
        case ELOOP:
            .permanent(.fetchRefused, "\(error.path) is a symbolic link; name the file that it leads to")
        case ENOENT, ENOTDIR:
            .permanent(
                .fetchFailed,
                "there is no file \(error.path); put it there or correct the artifact's source"
            )
        case EACCES, EPERM:
            .permanent(.fetchRefused, "\(error.path) may not be read; allow it to the user that runs era")
        case ENXIO:
            .permanent(.fetchRefused, "\(error.path) is not a regular file; name one")
        default: error.failure
        }
    }
}

/// The text with `%XX` replaced; nil for a broken escape or invalid UTF-8.
func percentDecoded(_ text: some StringProtocol) -> String? {
    var bytes: [UInt8] = []
    var rest = Substring(text).utf8
    while let byte = rest.popFirst() {
        guard byte == UInt8(ascii: "%") else {
            bytes.append(byte)
            continue
        }
        let digits = rest.prefix(2)
        guard digits.count == 2, digits.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit }),
            let text = String(digits), let value = UInt8(text, radix: 16)
        else { return nil }
        bytes.append(value)
        rest = rest.dropFirst(2)
    }
    return String(validating: bytes, as: UTF8.self)
}
