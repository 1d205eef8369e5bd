import Foundation
import Glibc
import Testing

/// A program of the host that a test runs, with its output in a file; ended with the test.
struct Tool {
    private let pid: pid_t
    private let outputPath: String

    var output: String { (try? read(outputPath)).map { String(decoding: $0, as: UTF8.self) } ?? "" }

    /// Starts `arguments[0]` in a directory, with nothing on its standard input.
    init(_ arguments: [String], in directory: String) throws {
        outputPath = directory + "/output-" + UUID().uuidString
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        // The shell changes the directory and becomes the program.
        let shell = ["sh", "-c", "cd \"$0\" && exec \"$@\"", directory]
        var words = (shell + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var pid: pid_t = 0
        let result = posix_spawnp(&pid, "sh", &actions, nil, &words, environ)
        try #require(result == 0, "cannot run \(arguments[0])")
        self.pid = pid
    }

    /// Waits until it ends by itself, and returns its exit status.
    func waitForExit() -> CInt {
        var status: CInt = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        return status >> 8
    }

    func stop() {
        kill(pid, SIGKILL)
        _ = waitForExit()
    }
}
