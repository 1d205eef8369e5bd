import ERACore

// Each format stands beside the function that enforces it; a test holds the two together, on every text that
// occurs in the tests.

private let labelPattern = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
private let numberPattern = "(0|[1-9][0-9]*)"
private let prereleasePart = "(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
private let versionPattern =
    "\(numberPattern)\\.\(numberPattern)\\.\(numberPattern)"
    + "(-\(prereleasePart)(\\.\(prereleasePart))*)?(\\+[0-9A-Za-z-]+(\\.[0-9A-Za-z-]+)*)?"
private let locationPattern =
    "(https?://[^/?#@\\s]+([/?#][!-~]*)?|oci://[^/?#\\s]+([/?#][!-~]*)?|file:///[!-~]+)"

extension TextFormat {
    /// Any text that a program can be given.
    static let anyText = TextFormat("a text", example: "text")
    static let nonEmptyText = TextFormat(
        "a text that is not empty",
        pattern: "^[^\\u0000]+$",
        example: "text"
    )

    static func label(_ noun: String, _ example: String) -> TextFormat {
        TextFormat(
            "\(noun) such as \"\(example)\"",
            pattern: labelPattern,
            maximumLength: 63,
            example: example
        )
    }

    static let version = TextFormat(
        "a semantic version such as \"1.10.0\"",
        pattern: "^\(versionPattern)$",
        example: "1.10.0"
    )
    static let versionRequirement = TextFormat(
        "a version requirement such as \">=1.0.0 <2.0.0\"",
        pattern: "^ *(>=|<=|>|<|=)?\(versionPattern)( +(>=|<=|>|<|=)?\(versionPattern))* *$",
        example: ">=1.0.0 <2.0.0"
    )
    static let digest = TextFormat(
        "a digest: sha256: and 64 hexadecimal digits, or sha512: and 128",
        pattern: "^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$",
        example: "sha256:" + String(repeating: "0f", count: 32)
    )
    static let location = TextFormat(
        "a URL of the form https://…, http://…, file:///… or oci://…",
        pattern: "^\(locationPattern)$",
        example: "https://example.org/hello-1.2.0.tar.gz"
    )
    static let sourcePrefix = TextFormat(
        "the beginning of a source, such as https://example.org/apps/",
        example: "https://example.org/apps/"
    )
    static let duration = TextFormat(
        "a duration such as 500ms, 90s, 5m or 1h30m",
        pattern: "^(0|(?=[0-9])([0-9]+(\\.[0-9]+)?h)?([0-9]+(\\.[0-9]+)?m)?"
            + "([0-9]+(\\.[0-9]+)?s)?([0-9]+(\\.[0-9]+)?ms)?)$",
        example: "90s"
    )
    static let byteCount = TextFormat(
        "a size such as 256Mi, 1Gi, 100M or a number of bytes",
        pattern: "^[0-9]+(\\.[0-9]+)?([kMGTPE]|[KMGTPE]i)?$",
        example: "256Mi"
    )
    static let processors = TextFormat(
        "a number of processors such as 500m, 0.5 or 2",
        pattern: "^[0-9]+(\\.[0-9]+)?m?$",
        example: "500m"
    )
    static let environmentName = TextFormat(
        "the name of an environment variable: not empty, without =",
        pattern: "^[^=\\u0000]+$",
        example: "MODE"
    )
    /// A key of a secret is the name of a file. Source: Kubernetes `IsConfigMapKey`.
    static let secretKey = TextFormat(
        "a key of a secret: 1 to 253 of A-Z, a-z, 0-9, '-', '_' and '.', not . or ..",
        pattern: "^(?!\\.{1,2}$)[-._A-Za-z0-9]{1,253}$",
        maximumLength: 253,
        example: "token"
    )
    static let path = TextFormat(
        "a path without \"..\"",
        pattern: "^(?!(.*/)?\\.\\.(/|$))[^\\u0000]+$",
        example: "state"
    )
    static let absolutePath = TextFormat(
        "an absolute path without \"..\"",
        pattern: "^(?!(.*/)?\\.\\.(/|$))/[^\\u0000]*$",
        example: "/srv/files"
    )
    static let httpPath = TextFormat(
        "a path that begins with /, without spaces and control characters",
        pattern: "^/[!-~]*$",
        example: "/ready"
    )
    static let userName = TextFormat(
        "a user name such as \"www-data\", or a number",
        pattern: "^([a-z_][a-z0-9_-]{0,30}[a-z0-9_$-]?|[0-9]{1,10})$",
        maximumLength: 32,
        example: "www-data"
    )
    static let address = TextFormat(
        "an IPv4 or IPv6 address",
        pattern: "^[0-9A-Fa-f.:]{2,45}$",
        maximumLength: 45,
        example: "127.0.0.1"
    )
    static let hostName = TextFormat(
        "a host name or an IP address",
        pattern: "^([0-9A-Fa-f:.]{2,45}|[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)$",
        maximumLength: 253,
        example: "localhost"
    )
    /// Source: RFC 9110, section 5.6.2, "Tokens".
    static let headerName = TextFormat(
        "the name of an HTTP header",
        pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
        example: "X-Probe"
    )
    /// Source: RFC 9110, section 5.5, "Field Values".
    static let headerValue = TextFormat(
        "the value of an HTTP header: one line without control characters",
        pattern: "^[^\\x00-\\x08\\x0a-\\x1f\\x7f]*$",
        example: "era"
    )
    /// Source: Kubernetes, "Labels and Selectors", syntax and character set.
    static let labelKey = TextFormat(
        "a label key: an optional DNS prefix and /, then 1 to 63 of A-Z, a-z, 0-9, '-', '_' and '.', "
            + "with a letter or digit at both ends",
        pattern: "^((?=[^/]{1,253}/)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*/)?"
            + "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$",
        example: "app"
    )
    static let labelValue = TextFormat(
        "a label value: up to 63 of A-Z, a-z, 0-9, '-', '_' and '.', with a letter or digit at both ends",
        pattern: "^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$",
        maximumLength: 63,
        example: "hello"
    )
}
