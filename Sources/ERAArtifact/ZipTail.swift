import Glibc

/// The end of a zip, which must be the end of the file: libarchive would look past garbage behind it.
enum ZipTail {
    /// - Throws: ``UnsafeArchive`` where the central directory's end is missing or something follows it.
    /// Source: PKWARE APPNOTE 6.3.10, section 4.3.16.
    static func check(_ path: String) throws {
        let file = try Descriptor(path, O_RDONLY)
        let size = Int64(try file.status().st_size)
        let length = Int(min(size, 22 + 65_535))
        var bytes = [UInt8](repeating: 0, count: length)
        let count = bytes.withUnsafeMutableBytes {
            pread(file.number, $0.baseAddress, length, Int(size) - length)
        }
        guard count == length, length >= 22 else { throw UnsafeArchive("it is truncated") }
        for start in stride(from: length - 22, through: 0, by: -1)
        where bytes[start] == 0x50 && bytes[start + 1] == 0x4B && bytes[start + 2] == 5
            && bytes[start + 3] == 6
        {
            let comment = Int(bytes[start + 20]) | Int(bytes[start + 21]) << 8
            let rest = length - start - 22
            if comment == rest { return }
            throw UnsafeArchive(comment < rest ? "bytes follow after its end" : "it is truncated")
        }
        throw UnsafeArchive("it is truncated: its central directory is missing")
    }
}
