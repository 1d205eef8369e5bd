public import ERACore

/// The bounds of one import.
public struct ImportLimits: Sendable {
    /// The most entries of an archive, of any kind.
    public var entryLimit = 100_000
    /// The most bytes: of one file, of the blobs of one layout, and of a decompressed archive.
    public var sizeLimit = ByteCount(64 << 30)
    /// So much stays free on the file system of the store.
    public var freeSpaceReserve = ByteCount(64 << 20)
    /// The most bytes of `oci-layout`.
    public var markerSizeLimit = 4096

    public init() {}

    /// What an archive may be, that is read and not unpacked.
    var archive: ArchiveLimits {
        var limits = ArchiveLimits()
        limits.entryLimit = entryLimit
        limits.sizeLimit = sizeLimit
        return limits
    }
}

/// Why something is not taken into the store; whoever knows its path adds that.
struct ImportRefusal: Error, Equatable {
    let reason: String
    init(_ reason: String) { self.reason = reason }
}
