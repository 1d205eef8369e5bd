internal import Glibc

/// An `errno`.
public struct SystemError: Error, Hashable {
    public let code: Int32

    public init(_ code: Int32) { self.code = code }

    /// Of the last call on this thread.
    public static var last: Self { Self(errno) }

    /// What it says, as the middle of a sentence.
    public var text: String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard strerror_r(code, &buffer, buffer.count) == 0 else { return "error \(code)" }
        let text = buffer.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return text.prefix(1).lowercased() + text.dropFirst()
    }
}
