import CLinux
import ERACore
import Glibc

/// An open file or directory; closed when it goes out of scope.
struct Descriptor: ~Copyable {
    let number: CInt

    /// Opens `path`, relative to `directory` unless it is absolute; always close-on-exec.
    ///
    /// - Throws: ``SystemError`` with the kernel's error number.
    init(_ path: String, in directory: CInt = AT_FDCWD, _ flags: CInt, mode: mode_t = 0) throws(SystemError) {
        number = era_artifact_openat(directory, path, flags | O_CLOEXEC, mode)
        guard number >= 0 else { throw SystemError("open", path) }
    }

    deinit { _ = Glibc.close(number) }

    /// - Throws: ``SystemError`` with the kernel's error number.
    func status() throws(SystemError) -> stat {
        var status = stat()
        guard fstat(number, &status) == 0 else { throw SystemError("stat", "an open file") }
        return status
    }

    /// Writes everything; the kernel may take it in pieces.
    ///
    /// - Throws: ``SystemError`` with the kernel's error number.
    func write(_ bytes: UnsafeRawBufferPointer, to path: String) throws(SystemError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Glibc.write(number, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw SystemError("write", path)
            }
            rest = rest.dropFirst(count)
        }
    }

    /// Reads up to the size of the buffer; 0 at the end of the file.
    ///
    /// - Throws: ``SystemError`` with the kernel's error number.
    func read(into buffer: UnsafeMutableRawBufferPointer, from path: String) throws(SystemError) -> Int {
        while true {
            let count = Glibc.read(number, buffer.baseAddress, buffer.count)
            if count >= 0 { return count }
            guard errno == EINTR else { throw SystemError("read", path) }
        }
    }

    /// Makes the content durable. A failure is final: what the kernel dropped once is not tried again.
    ///
    /// - Throws: ``SystemError`` with the kernel's error number.
    func sync(_ path: String) throws(SystemError) {
        guard fsync(number) == 0 else { throw SystemError("sync", path) }
    }
}

/// What the kernel said to one call on one file.
struct SystemError: Error, Equatable {
    let action: String
    let path: String
    let code: CInt

    init(_ action: String, _ path: String, code: CInt = errno) {
        self.action = action
        self.path = path
        self.code = code
    }

    /// The same as the rest of the program speaks it.
    ///
    /// A full disk and failing hardware may be mended without a change of the deployment: transient.
    var failure: Failure {
        switch code {
        case ENOSPC, EDQUOT:
            .transient(.noSpace, "cannot \(action) \(path): \(text); free some space on that file system")
        default:
            .transient(.fileSystemError, "cannot \(action) \(path): \(text)")
        }
    }

    private var text: String {
        var buffer = [CChar](repeating: 0, count: 128)
        guard strerror_r(code, &buffer, buffer.count) == 0 else { return "error \(code)" }
        return buffer.withUnsafeBytes { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}

/// Makes the names in a directory durable.
///
/// - Throws: ``SystemError`` with the kernel's error number.
func syncDirectory(_ path: String) throws(SystemError) {
    try Descriptor(path, O_RDONLY | O_DIRECTORY).sync(path)
}

/// Makes a directory with mode 0700, and its parents; one that is there is fine.
///
/// - Throws: ``SystemError`` with the kernel's error number.
func makeDirectory(_ path: String) throws(SystemError) {
    if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
    guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
        throw SystemError("make the directory", path)
    }
    try makeDirectory(String(path[..<slash]))
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw SystemError("make the directory", path) }
}

/// The names in a directory but `.` and `..`, in no order; empty where there is no such directory.
///
/// - Throws: ``SystemError`` with the kernel's error number.
func namesInDirectory(_ path: String) throws(SystemError) -> [String] {
    guard let stream = opendir(path) else {
        if errno == ENOENT { return [] }
        throw SystemError("list", path)
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        if name != ".", name != ".." { names.append(name) }
    }
    return names
}
