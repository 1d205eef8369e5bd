import Glibc

/// The count on disk: one line, replaced as a whole, so that a crash leaves the old or the new one.
enum Counter {
    /// The count in the file; 0 when there is none yet.
    ///
    /// - Throws: ``Problem`` when the file holds something else, or cannot be read.
    static func read(_ path: String) throws(Problem) -> Int {
        guard access(path, F_OK) == 0 else { return 0 }
        let text = try readText(path)
        guard let count = Int(text), count >= 0 else { throw Problem("\(path) does not hold a count") }
        return count
    }

    /// - Throws: ``Problem`` when the directory is missing or full.
    static func write(_ count: Int, _ path: String) throws(Problem) {
        let draft = path + ".new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Problem("cannot write \(draft): \(errorText())") }
        let line = Array("\(count)\n".utf8)
        let isWritten = Glibc.write(descriptor, line, line.count) == line.count && fsync(descriptor) == 0
        let reason = errorText()
        close(descriptor)
        guard isWritten else { throw Problem("cannot write \(draft): \(reason)") }
        guard rename(draft, path) == 0 else { throw Problem("cannot replace \(path): \(errorText())") }
    }
}

/// A problem with the text that goes to standard error, and the exit code.
struct Problem: Error {
    let message: String
    let exitCode: Int32

    init(_ message: String, exitCode: Int32 = 1) {
        self.message = message
        self.exitCode = exitCode
    }

    /// The command line is wrong.
    static func usage(_ message: String) -> Problem {
        Problem("\(message)\n\(SampleWorker.usage)", exitCode: 2)
    }
}

/// The largest file that is read: counts and tokens are short.
let textLimit = 4096

/// A small file without its last line break.
///
/// - Throws: ``Problem`` when it cannot be read, is too long or is not UTF-8.
func readText(_ path: String) throws(Problem) -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Problem("cannot read \(path): \(errorText())") }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: textLimit)
    let count = read(descriptor, &bytes, bytes.count)
    guard count >= 0 else { throw Problem("cannot read \(path): \(errorText())") }
    var text = bytes[..<count]
    if text.last == UInt8(ascii: "\n") { text.removeLast() }
    guard count < textLimit, let result = String(validating: text, as: UTF8.self) else {
        throw Problem("\(path) is not a short text")
    }
    return result
}

/// Writes one line at once: what a supervisor's log shows must not sit in a buffer.
func write(_ line: String, to descriptor: Int32) {
    var bytes = Array(line.utf8)
    bytes.append(UInt8(ascii: "\n"))
    // A log that cannot be written must not stop the work.
    _ = Glibc.write(descriptor, bytes, bytes.count)
}

/// The text of `errno`.
func errorText() -> String { String(cString: strerror(errno)) }
