public import ERACore

/// The bounds of what is unpacked from one archive.
public struct ArchiveLimits: Sendable {
    /// The most entries of any kind.
    public var entryLimit = 100_000
    /// The most bytes: of all files together (holes count), and of the decompressed stream.
    public var sizeLimit = ByteCount(8 << 30)
    /// The most bytes for each byte of the archive.
    public var ratioLimit: Int64 = 100
    /// Up to so many bytes any ratio is fine: a small archive of zeros harms nobody.
    public var ratioFloor = ByteCount(32 << 20)
    /// The longest path and the longest target of a link, in bytes.
    public var pathLengthLimit = 1024
    /// The most components of a path.
    public var depthLimit = 100
    /// The bytes of all symbolic links' paths and targets together; they are kept in memory until the end.
    public var linkTextLimit = ByteCount(16 << 20)
    /// The most archives that are unpacked at a time.
    public var parallelLimit = 2

    public init() {}

    /// What an archive of this size may become.
    func outputLimit(archiveSize: Int64) -> Int64 {
        let (product, isHuge) = archiveSize.multipliedReportingOverflow(by: ratioLimit)
        return min(sizeLimit.bytes, max(isHuge ? .max : product, ratioFloor.bytes))
    }
}

/// Why an archive is refused; the unpacker says which one.
struct UnsafeArchive: Error, Equatable {
    let reason: String
    init(_ reason: String) { self.reason = reason }
}
