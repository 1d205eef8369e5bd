import CLibArchive
import ERACore
import Glibc

/// One archive as libarchive reads it: entries one after the other, each with its data.
///
/// Only tar and zip, plain or compressed with gzip, bzip2, xz or zstd by the libraries that libarchive is
/// linked with; never by a program that it would start. Used by one task, on one thread at a time.
final class ArchiveReader {
    private let handle: OpaquePointer
    /// The stream that a compressed tar is read from; nil where the archive is read directly.
    private let source: DecompressedStream?
    /// Opening tells the format already; what it found is thrown by the first ``next()``.
    private let openResult: CInt

    /// Opens a tar through its decompression; the stream is bounded.
    ///
    /// - Parameter observe: Sees the bytes of the tar, in their order.
    init(
        tar path: String,
        outputLimit: Int64,
        observe: ((UnsafeRawBufferPointer) -> Void)? = nil
    ) throws {
        handle = try Self.makeHandle()
        let source = try DecompressedStream(path, outputLimit: outputLimit, observe: observe)
        self.source = source
        archive_read_support_format_tar(handle)
        archive_read_support_filter_none(handle)
        // What follows the end of a tar must be zeros or another tar: garbage is then an error.
        archive_read_set_options(handle, "tar:read_concatenated_archives")
        let context = Unmanaged.passUnretained(source).toOpaque()
        openResult = archive_read_open(
            handle,
            context,
            nil,
            { _, context, buffer in
                guard let context, let buffer else { return -1 }
                return Unmanaged<DecompressedStream>.fromOpaque(context).takeUnretainedValue().serve(buffer)
            },
            nil
        )
    }

    /// Opens a zip, by its central directory only: what a truncated one has lost.
    init(zip path: String) throws {
        handle = try Self.makeHandle()
        source = nil
        archive_read_support_format_zip_seekable(handle)
        archive_read_support_filter_none(handle)
        openResult = archive_read_open_filename(handle, path, 64 << 10)
    }

    deinit { archive_read_free(handle) }

    private static func makeHandle() throws -> OpaquePointer {
        guard let handle = archive_read_new() else {
            throw Failure.transient(.fileSystemError, "no memory to open an archive")
        }
        return handle
    }

    /// Whether the content could be read, but is not of the format that it was opened for.
    var isOtherFormat: Bool {
        openResult != ARCHIVE_OK && archive_format(handle) == 0 && source?.trouble == nil
    }
    /// The name of the compression; nil where there is none.
    var compression: String? { source?.compression }

    /// How many bytes of the file have been read.
    var consumed: Int64 { source?.consumed ?? archive_filter_bytes(handle, -1) }

    /// The next entry; nil at the end. Pointers in it are good until the next call.
    ///
    /// - Throws: ``UnsafeArchive`` where the archive is damaged, truncated or beyond the limits.
    func next() throws -> ArchiveEntry? {
        guard openResult == ARCHIVE_OK else { throw failure() }
        var entry: OpaquePointer?
        switch archive_read_next_header(handle, &entry) {
        case ARCHIVE_EOF:
            try source?.refuseTrailingGarbage()
            return nil
        case ARCHIVE_OK, ARCHIVE_WARN:
            guard let entry else { throw UnsafeArchive("it is damaged") }
            return ArchiveEntry(entry: entry)
        default: throw failure()
        }
    }

    /// After the last entry: reads on to the end of the file, so that all of it was observed.
    ///
    /// - Throws: ``UnsafeArchive`` where that is damaged or beyond the limits; `CancellationError`.
    func readRest() throws { try source?.readRest() }

    /// The next piece of the entry's data and its place in the file; nil at the end. Holes are left out.
    ///
    /// - Throws: ``UnsafeArchive`` where the archive is damaged, truncated or beyond the limits.
    func nextBlock() throws -> (bytes: UnsafeRawBufferPointer, offset: Int64)? {
        var buffer: UnsafeRawPointer?
        var size = 0
        var offset: Int64 = 0
        switch archive_read_data_block(handle, &buffer, &size, &offset) {
        case ARCHIVE_EOF: return nil
        case ARCHIVE_OK:
            return (UnsafeRawBufferPointer(start: buffer, count: buffer == nil ? 0 : size), offset)
        // A warning on data means that its checksum is wrong, or that it is cut.
        default: throw failure()
        }
    }

    /// Writes the entry's data to a file, its holes left out.
    ///
    /// - Parameters:
    ///   - check: Told where the file ends with the next piece, before that is written; throws to refuse it.
    ///   - written: Called after each piece.
    /// - Returns: Where the last piece ends.
    /// - Throws: ``UnsafeArchive``, ``SystemError``, `CancellationError`, and what `check` throws.
    func copyData(
        to file: borrowing Descriptor,
        _ path: EntryPath,
        check: (Int64) throws -> Void,
        written: () -> Void
    ) throws -> Int64 {
        var end: Int64 = 0
        var position: Int64 = 0
        while let (bytes, offset) = try nextBlock() {
            try Task.checkCancellation()
            guard offset >= end else { throw UnsafeArchive("the pieces of \"\(path.text)\" overlap") }
            end = offset.addingReportingOverflow(Int64(bytes.count)).partialValue
            try check(end)
            if offset != position, lseek(file.number, Int(offset), SEEK_SET) < 0 {
                throw SystemError("write", path.text)
            }
            try file.write(bytes, to: path.text)
            position = end
            written()
        }
        return end
    }

    private func failure() -> any Error {
        if let trouble = source?.trouble { return trouble }
        let text = archive_error_string(handle).map { String(cString: $0) } ?? "no reason given"
        return UnsafeArchive("it is damaged or truncated (\(text))")
    }
}

/// What an archive says about one of its entries.
struct ArchiveEntry {
    fileprivate let entry: OpaquePointer

    enum Kind: Equatable {
        case directory
        case file
        case symbolicLink(target: String)
        case hardLink(target: String)
        case fifo
        case device
        /// A socket, say, with its word.
        case special(String)
    }

    /// Nil where the archive has none, or one in a character set that cannot be read.
    var path: String? {
        Self.text(archive_entry_pathname_utf8(entry)) ?? Self.text(archive_entry_pathname(entry))
    }
    var mode: mode_t { archive_entry_perm(entry) }
    var isEncrypted: Bool { archive_entry_is_encrypted(entry) != 0 }
    /// As declared; nil where the archive does not say. May be negative.
    var size: Int64? { archive_entry_size_is_set(entry) != 0 ? archive_entry_size(entry) : nil }

    var owner: (user: uid_t, group: gid_t) {
        (
            uid_t(truncatingIfNeeded: archive_entry_uid(entry)),
            gid_t(truncatingIfNeeded: archive_entry_gid(entry))
        )
    }
    /// When it was last written; nil where the archive does not say.
    var writtenAt: FileTime? {
        guard archive_entry_mtime_is_set(entry) != 0 else { return nil }
        return FileTime(seconds: archive_entry_mtime(entry), nanoseconds: archive_entry_mtime_nsec(entry))
    }

    /// Calls with each extended attribute; the value is good until `body` returns.
    func forEachAttribute(_ body: (String, UnsafeRawBufferPointer) throws -> Void) rethrows {
        archive_entry_xattr_reset(entry)
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var size = 0
        while archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK {
            guard let text = Self.text(name) else { continue }
            try body(text, UnsafeRawBufferPointer(start: value, count: value == nil ? 0 : size))
        }
    }

    var kind: Kind {
        let hardLink = archive_entry_hardlink_utf8(entry) ?? archive_entry_hardlink(entry)
        if let target = Self.text(hardLink) { return .hardLink(target: target) }
        switch archive_entry_filetype(entry) {
        case S_IFDIR: return .directory
        case S_IFREG: return .file
        case S_IFLNK:
            let target = archive_entry_symlink_utf8(entry) ?? archive_entry_symlink(entry)
            return .symbolicLink(target: Self.text(target) ?? "")
        case S_IFCHR, S_IFBLK: return .device
        case S_IFIFO: return .fifo
        case S_IFSOCK: return .special("a socket")
        default: return .special("of an unknown kind")
        }
    }

    private static func text(_ pointer: UnsafePointer<CChar>?) -> String? {
        pointer.flatMap { String(validatingCString: $0) }
    }
}
