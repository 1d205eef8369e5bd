/// A kind of machine, in Go's words: `linux`, `amd64`, and a variant for some (`v7` of `arm`).
///
/// Source: OCI image specification 1.1, "OCI Image Index Specification", platform.
public struct Platform: Hashable, Sendable, CustomStringConvertible {
    public var os: String
    public var architecture: String
    public var variant: String?

    public init(os: String, architecture: String, variant: String? = nil) {
        self.os = os
        self.architecture = architecture
        self.variant = variant
    }

    init(_ object: ObjectReader) throws(OCIError) {
        self.init(
            os: try object.text("os"),
            architecture: try object.text("architecture"),
            variant: try object.optionalText("variant").flatMap { $0.isEmpty ? nil : $0 }
        )
    }

    /// The machine that this was compiled for.
    public static var host: Platform {
        #if arch(x86_64)
            Platform(os: "linux", architecture: "amd64")
        #elseif arch(arm64)
            Platform(os: "linux", architecture: "arm64", variant: "v8")
        #elseif arch(arm)
            Platform(os: "linux", architecture: "arm", variant: "v7")
        #elseif arch(riscv64)
            Platform(os: "linux", architecture: "riscv64")
        #else
            Platform(os: "linux", architecture: "unknown")
        #endif
    }

    /// How well what was made for `other` runs here: the higher, the better; nil where it does not.
    ///
    /// Variants are levels of an instruction set, and a machine runs its own and those below. What names none
    /// is of the first level: `v8` of `arm64`, `v1` of `amd64`, and `v7` of `arm`, as containerd reads it.
    public func preference(for other: Platform) -> Int? {
        guard os == other.os, architecture == other.architecture else { return nil }
        if variant == other.variant { return .max }
        guard let own = level, let its = other.level else { return nil }
        return its <= own ? its : nil
    }

    private var level: Int? {
        let text = variant ?? (architecture == "arm64" ? "v8" : architecture == "arm" ? "v7" : "v1")
        return text.hasPrefix("v") ? Int(text.dropFirst()) : nil
    }

    /// `linux/arm/v7`.
    public var description: String {
        ([os, architecture] + [variant].compactMap(\.self)).joined(separator: "/")
    }
}
