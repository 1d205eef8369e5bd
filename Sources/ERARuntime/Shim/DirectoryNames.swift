internal import ERACore
internal import Glibc

/// The names in a directory but `.` and `..` that begin so; empty when it cannot be read.
func namesInDirectory(_ path: String, prefix: String = "") -> [String] {
    // Who asks here takes what there is.
    (try? allNamesInDirectory(path, prefix: prefix)) ?? []
}

/// The names in a directory but `.` and `..` that begin so.
///
/// - Throws: ``Failure`` when not all could be read: a part would pass for the whole.
func allNamesInDirectory(_ path: String, prefix: String = "") throws(Failure) -> [String] {
    guard let directory = opendir(path) else { throw failure("list", path) }
    defer { closedir(directory) }
    return try entryNames(of: directory, path, prefix: prefix)
}

/// What is left to read of an open directory. A name that is not UTF-8 is none of ours, and left out.
///
/// - Parameter path: For the message only.
/// - Throws: ``Failure`` when it ends before its end.
func entryNames(
    of directory: OpaquePointer,
    _ path: String,
    prefix: String = ""
) throws(Failure) -> [String] {
    let prefix = Array(prefix.utf8)
    var names: [String] = []
    // readdir says nil at the end and at an error; only errno tells one from the other.
    errno = 0
    while let entry = readdir(directory) {
        // No text is made of the names of others: a run directory has one for each instance of the machine.
        let name: String? = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
            guard bytes.starts(with: prefix) else { return nil }
            return String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        if let name, name != ".", name != ".." { names.append(name) }
        errno = 0
    }
    guard errno == 0 else { throw failure("list", path) }
    return names
}
