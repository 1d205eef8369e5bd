import CLinux
import ERALinux
import Glibc

/// Reads a small file that others rely on: only root and ERA's own user may have written it.
public enum TrustedFile {
    /// Why a file is not read, as the end of a sentence about its path, and what to do.
    public struct Problem: Error, Hashable, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// The whole file. A link is followed, to where only the same users can write.
    ///
    /// - Parameters:
    ///   - path: Absolute.
    ///   - limit: The most bytes.
    /// - Throws: ``Problem``.
    public static func read(_ path: String, limit: Int) throws(Problem) -> [UInt8] {
        let trust = FileTrust(owners: [])
        if let above = trust.problemAbove(path) {
            throw Problem(description: "lies below \(above.directory), which \(above.problem)")
        }
        let found: (bytes: [UInt8], problem: String?)
        do throws(SystemError) {
            // O_NONBLOCK: opening a FIFO would wait for its writer.
            let file = try Descriptor(era_open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0))
            let status = try file.status()
            if status.st_mode & S_IFMT != S_IFREG {
                found = ([], "is not a regular file")
            } else if let problem = trust.problem(status, .file) {
                found = ([], problem)
            } else {
                found = (try file.read(expected: Int(clamping: status.st_size), limit: limit), nil)
            }
        } catch {
            throw Problem(description: "cannot be read: \(error.text)")
        }
        if let problem = found.problem { throw Problem(description: problem) }
        guard found.bytes.count <= limit else {
            throw Problem(description: "has more than \(limit) bytes")
        }
        return found.bytes
    }
}
