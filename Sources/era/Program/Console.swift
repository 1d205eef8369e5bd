import Glibc

/// The program's two outputs: data goes to one, talk to the other.
enum Console {
    /// Writes data as it is.
    static func output(_ text: String) { write(Array(text.utf8), to: STDOUT_FILENO) }
    /// Writes a line of data.
    static func line(_ text: String) { output(text + "\n") }
    /// Writes data as it is.
    static func output(_ bytes: [UInt8]) { write(bytes, to: STDOUT_FILENO) }
    /// Writes talk as it is.
    static func note(_ text: String) { write(Array(text.utf8), to: STDERR_FILENO) }
    /// Writes a line of talk.
    static func noteLine(_ text: String) { note(text + "\n") }

    /// Writes everything. Whoever no longer reads ends the program as it ends any other: by SIGPIPE, which
    /// libraries switch off.
    private static func write(_ bytes: [UInt8], to descriptor: Int32) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EPIPE {
                signal(SIGPIPE, SIG_DFL)
                raise(SIGPIPE)
                return
            } else if errno == EAGAIN {
                var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&waiting, 1, -1)
            } else if errno != EINTR {
                return
            }
        }
    }
}
