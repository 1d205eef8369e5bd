internal import Glibc

/// Calls with a list of texts as C wants it: pointers, of which the last is null.
public func withCArguments<Result>(
    _ texts: [String],
    _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    var pointers: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    return pointers.withUnsafeMutableBufferPointer { buffer in
        guard let start = buffer.baseAddress else {
            preconditionFailure("an array with an element has an address")
        }
        return body(start)
    }
}
