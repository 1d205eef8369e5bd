import CLibArchive
import ERACore
import Glibc

/// The bytes of a file after its decompression, counted and bounded.
///
/// A step of its own before the archive is read, so that the bound also covers what an archive hides
/// between its entries, and cancellation is seen in the midst of it.
final class DecompressedStream {
    private let handle: OpaquePointer
    private let size: Int64
    private let outputLimit: Int64
    private var count: Int64 = 0
    private var hasBegun = false
    /// What stopped the stream, if it was not libarchive.
    private(set) var trouble: (any Error)?
    /// Sees all bytes that are served, in their order.
    private let observe: ((UnsafeRawBufferPointer) -> Void)?

    init(
        _ path: String,
        outputLimit: Int64,
        observe: ((UnsafeRawBufferPointer) -> Void)? = nil
    ) throws {
        guard let handle = archive_read_new() else {
            throw Failure.transient(.fileSystemError, "no memory to open \(path)")
        }
        self.handle = handle
        self.outputLimit = outputLimit
        self.observe = observe
        size = try Descriptor(path, O_RDONLY).status().st_size.asInt64
        archive_read_support_format_raw(handle)
        archive_read_support_format_empty(handle)
        archive_read_support_filter_none(handle)
        // A filter that answers with a warning would run a program instead of a library.
        for support in [
            archive_read_support_filter_gzip, archive_read_support_filter_bzip2,
            archive_read_support_filter_xz, archive_read_support_filter_zstd,
        ] where support(handle) != ARCHIVE_OK {
            throw Failure.permanent(
                .unsupported,
                "libarchive lacks gzip, bzip2, xz or zstd; install a whole one"
            )
        }
        guard archive_read_open_filename(handle, path, 64 << 10) == ARCHIVE_OK else {
            throw UnsafeArchive("it cannot be opened (\(Self.text(handle)))")
        }
    }

    deinit { archive_read_free(handle) }

    /// The name of the compression; nil where there is none.
    var compression: String? {
        guard archive_filter_count(handle) > 1 else { return nil }
        return archive_filter_name(handle, 0).map { String(cString: $0) }
    }

    /// How many bytes of the file have been read.
    var consumed: Int64 { archive_filter_bytes(handle, -1) }

    /// Serves libarchive's reader of the format: the next bytes, 0 at the end, -1 when there is trouble.
    func serve(_ buffer: UnsafeMutablePointer<UnsafeRawPointer?>) -> Int {
        do {
            return try read(into: buffer)
        } catch {
            trouble = error
            return -1
        }
    }

    /// Reads what the reader of the format left, so that all of it was seen.
    ///
    /// - Throws: ``UnsafeArchive`` where that is damaged or beyond the limit; `CancellationError`.
    func readRest() throws {
        var rest: UnsafeRawPointer?
        while try read(into: &rest) > 0 {}
    }

    private func read(into buffer: UnsafeMutablePointer<UnsafeRawPointer?>) throws -> Int {
        try Task.checkCancellation()
        if !hasBegun {
            hasBegun = true
            var entry: OpaquePointer?
            switch archive_read_next_header(handle, &entry) {
            case ARCHIVE_OK: break
            case ARCHIVE_EOF: return 0
            default: throw UnsafeArchive("it is damaged or truncated (\(Self.text(handle)))")
            }
        }
        while true {
            var length = 0
            var offset: Int64 = 0
            switch archive_read_data_block(handle, buffer, &length, &offset) {
            case ARCHIVE_OK where length == 0: continue
            case ARCHIVE_OK:
                count += Int64(length)
                guard count <= outputLimit else {
                    throw UnsafeArchive("it becomes more than \(outputLimit) bytes, the limit for its size")
                }
                observe?(UnsafeRawBufferPointer(start: buffer.pointee, count: length))
                return length
            case ARCHIVE_EOF: return 0
            default: throw UnsafeArchive("it is damaged or truncated (\(Self.text(handle)))")
            }
        }
    }

    /// - Throws: ``UnsafeArchive`` where the file goes on after the end of its compressed content.
    func refuseTrailingGarbage() throws {
        guard compression != nil, archive_filter_bytes(handle, 0) >= 0 else { return }
        guard consumed >= size else {
            throw UnsafeArchive("\(size - consumed) bytes follow after its end")
        }
    }

    private static func text(_ handle: OpaquePointer) -> String {
        archive_error_string(handle).map { String(cString: $0) } ?? "no reason given"
    }
}

extension Int {
    fileprivate var asInt64: Int64 { Int64(self) }
}
