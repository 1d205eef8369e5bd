/// What a manifest may be at most. Whatever is above is refused with a diagnostic that names the bound.
public enum ManifestLimits {
    /// Bytes of one file: 1 MiB, three times the largest object that Kubernetes stores.
    public static let fileSizeLimit = 1 << 20
    /// Mappings and lists inside each other; a deployment needs 7.
    public static let depthLimit = 64
    /// Keys and values of one file, aliases counted as what they stand for.
    public static let nodeLimit = 50_000
    /// Keys and values that the aliases of one document stand for, all together.
    public static let aliasExpansionLimit = 10_000
    /// Anchors of one document.
    public static let anchorLimit = 1000
    /// Documents of one file.
    public static let documentLimit = 1000
    /// Lines that begin with `%`; libyaml compares each `%TAG` with every other.
    public static let directiveLimit = 16
    /// Diagnostics that are reported for one file.
    public static let diagnosticLimit = 100
    /// Elements of any list, members of any map.
    public static let listLimit = 1000
    /// Keys that a signature may be made with.
    public static let keyLimit = 16
    /// Bytes of any text: the longest argument that Linux passes to a program, less its NUL
    /// (`MAX_ARG_STRLEN`).
    public static let textLimit = 131_071
    /// Bytes of all annotations together, as Kubernetes has it (`TotalAnnotationSizeLimitB`).
    public static let annotationSizeLimit = 256 << 10
    /// Characters of a number; a longer one is a text.
    static let numberLengthLimit = 128
    /// Seconds in any field: one year, as for a duration.
    public static let secondsLimit: Int64 = 31_536_000
    /// The largest threshold of a probe.
    public static let thresholdLimit: Int64 = 100_000
}
