import CLibArchive
import Foundation
import Glibc
import Testing

/// A tar that is put together header by header, so that it can say what no tool would.
///
/// Source of the layout: POSIX.1-2017, pax, "ustar Interchange Format".
struct TarBuilder {
    private(set) var bytes: [UInt8] = []

    /// - Parameters:
    ///   - type: `0` file, `1` hard link, `2` symbolic link, `3` `4` devices, `5`
    ///     directory, `6` FIFO, `x` pax header.
    ///   - size: What the header says, where that is not the truth.
    mutating func add(
        _ name: String,
        type: Character = "0",
        content: [UInt8] = [],
        link: String = "",
        mode: Int = 0o644,
        size: [UInt8]? = nil
    ) {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: some Sequence<UInt8>, at offset: Int) {
            for (index, byte) in text.enumerated() { header[offset + index] = byte }
        }
        put(name.utf8.prefix(100), at: 0)
        put(Self.octal(mode, 7), at: 100)
        put(Self.octal(0, 7), at: 108)
        put(Self.octal(0, 7), at: 116)
        put(size ?? Self.octal(content.count, 11), at: 124)
        put(Self.octal(0, 11), at: 136)
        put("        ".utf8, at: 148)
        put([type.asciiValue ?? 0], at: 156)
        put(link.utf8.prefix(100), at: 157)
        put("ustar\u{0}00".utf8, at: 257)
        put(Self.octal(header.reduce(0) { $0 + Int($1) }, 6) + [0], at: 148)
        bytes += header + content + [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
    }

    /// A pax header with these records for the next entry.
    mutating func addPax(_ records: [(String, String)]) {
        var content: [UInt8] = []
        for (key, value) in records {
            let rest = " \(key)=\(value)\n".utf8.count
            var length = rest + 1
            while String(length).utf8.count + rest != length { length += 1 }
            content += Array("\(length) \(key)=\(value)\n".utf8)
        }
        add("PaxHeader", type: "x", content: content)
    }

    /// All of it with the two blocks of zeros at its end.
    var finished: [UInt8] { bytes + [UInt8](repeating: 0, count: 1024) }

    static func tar(_ body: (inout TarBuilder) -> Void) -> [UInt8] {
        var builder = TarBuilder()
        body(&builder)
        return builder.finished
    }

    private static func octal(_ value: Int, _ width: Int) -> [UInt8] {
        let digits = String(value, radix: 8)
        return Array((String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits).utf8)
    }
}

enum Compression: String, CaseIterable, Sendable {
    case none, gzip, bzip2, xz, zstd

    /// The bytes as libarchive's own writer compresses them.
    func apply(to chunks: some Sequence<[UInt8]>, _ path: String) throws {
        let writer = try #require(archive_write_new())
        defer { archive_write_free(writer) }
        let filter =
            switch self {
            case .none: archive_write_add_filter_none(writer)
            case .gzip: archive_write_add_filter_gzip(writer)
            case .bzip2: archive_write_add_filter_bzip2(writer)
            case .xz: archive_write_add_filter_xz(writer)
            case .zstd: archive_write_add_filter_zstd(writer)
            }
        archive_write_set_format_raw(writer)
        archive_write_set_bytes_in_last_block(writer, 1)
        let opened = archive_write_open_filename(writer, path)
        try #require(filter == ARCHIVE_OK && opened == ARCHIVE_OK)
        let entry = archive_entry_new()
        defer { archive_entry_free(entry) }
        archive_entry_set_filetype(entry, UInt32(Glibc.S_IFREG))
        archive_write_header(writer, entry)
        for chunk in chunks {
            let count = chunk.withUnsafeBytes { archive_write_data(writer, $0.baseAddress, $0.count) }
            try #require(count == chunk.count)
        }
        try #require(archive_write_close(writer) == ARCHIVE_OK)
    }
}

/// One entry of a zip that libarchive writes, under whatever name.
struct ZipEntry: Sendable {
    var name: String
    var content: [UInt8] = []
    var mode: UInt32 = 0o644
    var link: String?
}

/// Writes a zip; encrypted where there is a password.
func writeZip(_ entries: [ZipEntry], to path: String, password: String? = nil) throws {
    let writer = try #require(archive_write_new())
    defer { archive_write_free(writer) }
    archive_write_set_format_zip(writer)
    archive_write_set_bytes_in_last_block(writer, 1)
    if let password {
        let configured = archive_write_set_options(writer, "zip:encryption=traditional")
        try #require(configured == ARCHIVE_OK)
        archive_write_set_passphrase(writer, password)
    }
    let opened = archive_write_open_filename(writer, path)
    try #require(opened == ARCHIVE_OK)
    for item in entries {
        let entry = archive_entry_new()
        defer { archive_entry_free(entry) }
        archive_entry_set_pathname(entry, item.name)
        archive_entry_set_perm(entry, item.mode)
        if let link = item.link {
            archive_entry_set_filetype(entry, UInt32(Glibc.S_IFLNK))
            archive_entry_set_symlink(entry, link)
        } else if item.name.hasSuffix("/") {
            archive_entry_set_filetype(entry, UInt32(Glibc.S_IFDIR))
        } else {
            archive_entry_set_filetype(entry, UInt32(Glibc.S_IFREG))
            archive_entry_set_size(entry, Int64(item.content.count))
        }
        let begun = archive_write_header(writer, entry)
        try #require(begun == ARCHIVE_OK)
        _ = item.content.withUnsafeBytes { archive_write_data(writer, $0.baseAddress, $0.count) }
    }
    try #require(archive_write_close(writer) == ARCHIVE_OK)
}
