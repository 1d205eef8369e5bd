import ERAContracts
import ERACore
import ERAStore
import Glibc
import Testing

/// A directory of its own for one test, removed at the end.
final class TemporaryDirectory {
    let path: String

    init() throws {
        var template = Array("/tmp/era-store-XXXXXX".utf8CString)
        path = try #require(
            template.withUnsafeMutableBufferPointer { buffer in
                buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) }
            }
        )
    }

    deinit { remove(path) }

    private func remove(_ path: String) {
        for name in entries(path) {
            let child = "\(path)/\(name)"
            var status = stat()
            if lstat(child, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
                remove(child)
            } else {
                unlink(child)
            }
        }
        rmdir(path)
    }
}

/// The names in a directory, sorted.
func entries(_ path: String) -> [String] {
    guard let stream = opendir(path) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
}

/// The bytes of a file; nil when it is not there.
func bytes(_ path: String) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var all: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while case let count = read(descriptor, &chunk, chunk.count), count > 0 { all += chunk[..<count] }
    return all
}

func overwrite(_ path: String, _ content: [UInt8]) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    try #require(write(descriptor, content, content.count) == content.count)
}

func permissions(_ path: String) -> UInt32 {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode & 0o777 : 0
}

/// Randomness that a failure can be repeated with (SplitMix64).
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

func replay(_ excerpt: JournalExcerpt, _ key: DeploymentKey) throws -> DeploymentRecord? {
    try excerpt.events.reduce(excerpt.base) { record, event in
        try record?.applying(event) ?? DeploymentRecord(key: key, founding: event)
    }
}

extension SQLiteRecordStore {
    /// Appends one after the other.
    func append(_ entries: some Sequence<JournalEntry>, _ durability: Durability = .required) async throws {
        for entry in entries { _ = try await append(entry, durability) }
    }
}

func notice(
    _ name: String = "web",
    reason: String = "Started",
    _ message: String = "started revision 1",
    second: Int = 0
) throws -> EventNotice {
    EventNotice(
        key: DeploymentKey(name: try DeploymentName(name)),
        uid: "uid-\(name)",
        kind: .normal,
        reason: reason,
        message: message,
        at: WallTime(sinceEpoch: .seconds(1_800_000_000 + second))
    )
}
