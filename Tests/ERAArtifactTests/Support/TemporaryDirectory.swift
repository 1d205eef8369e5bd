import CDispatch
import CLibArchive
import Foundation
import Glibc
import Testing

/// Runs `body` with the path of a fresh directory that is removed afterwards.
func withTemporaryDirectory<Value>(_ body: (String) async throws -> Value) async throws -> Value {
    var template = Array((NSTemporaryDirectory() + "era-artifact-XXXXXX").utf8CString)
    let made = mkdtemp(&template)
    try #require(made != nil)
    let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try await body(path)
}

/// All files, links and directories below `path`, as relative paths, sorted.
func tree(_ path: String) -> [String] {
    (FileManager.default.enumerator(atPath: path)?.allObjects as? [String] ?? []).sorted()
}

func read(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }

func write(_ bytes: [UInt8], to path: String) throws { try Data(bytes).write(to: URL(fileURLWithPath: path)) }

/// The permission bits of a file, or of the link itself.
func mode(_ path: String) throws -> mode_t {
    var status = stat()
    let result = lstat(path, &status)
    try #require(result == 0)
    return status.st_mode & 0o7777
}
