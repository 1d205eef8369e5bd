import CLinux
import ERAContracts
import Glibc

/// A program to start, in the surroundings of its workload.
struct Program {
    struct Started {
        let process: pid_t
        /// Readable when the process has ended; the taker closes it.
        let descriptor: CInt
        /// Both outputs, non-blocking; the taker closes it.
        let output: CInt
    }

    struct Problem: Error {
        let text: String
        init(_ text: String) { self.text = text }
    }

    private let command: [String]
    private let environment: ProbeEnvironment

    init(_ command: [String], _ environment: ProbeEnvironment) {
        self.command = command
        self.environment = environment
    }

    /// What a shell searches where no path is set (glibc's `_CS_PATH`, with the administrator's directories).
    private static let defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    func start() -> Result<Started, Problem> {
        guard let name = command.first, !name.isEmpty else {
            return .failure(Problem("the command is empty"))
        }
        let variables = environment.variables.map { "\($0.key)=\($0.value.revealed)" }.sorted()
        guard !(command + variables + [environment.workingDirectory]).contains(where: { $0.utf8.contains(0) })
        else {
            return .failure(Problem("the command or its environment has a NUL character"))
        }
        var groups = [gid_t](repeating: 0, count: ProgramRunner.groupLimit)
        var user = era_probe_user()
        user.capabilities = environment.capabilities
        if let problem = findUser(&user, &groups) { return .failure(problem) }

        var ends: [CInt] = [-1, -1]
        guard era_probe_pipe(&ends) == 0 else { return .failure(Problem(systemText(errno))) }
        var process: pid_t = 0
        let code = groups.withUnsafeBufferPointer { groups in
            user.groups = groups.baseAddress
            return withStrings(candidates(name)) { candidates in
                withStrings(command) { arguments in
                    withStrings(variables) { variables in
                        candidates.withMemoryRebound(to: UnsafePointer<CChar>?.self) { candidates in
                            era_probe_spawn(
                                candidates.baseAddress,
                                arguments.baseAddress,
                                variables.baseAddress,
                                environment.workingDirectory,
                                &user,
                                ends[1],
                                &process
                            )
                        }
                    }
                }
            }
        }
        _ = close(ends[1])
        guard code == 0 else {
            _ = close(ends[0])
            return .failure(Problem(systemText(code)))
        }
        let descriptor = era_probe_descriptor(process)
        guard descriptor >= 0 else {
            let problem = Problem("watching the process: \(systemText(errno))")
            _ = close(ends[0])
            kill(-process, SIGKILL)
            var status: CInt = 0
            waitpid(process, &status, 0)
            return .failure(problem)
        }
        return .success(Started(process: process, descriptor: descriptor, output: ends[0]))
    }

    private func findUser(_ user: inout era_probe_user, _ groups: inout [gid_t]) -> Problem? {
        guard let name = environment.user else { return nil }
        user.group_count = groups.count
        switch era_probe_find_user(name, &user.user, &user.group, &groups, &user.group_count) {
        case 0: break
        case ENOENT: return Problem("there is no user \(name)")
        case let code: return Problem("looking up the user \(name): \(systemText(code))")
        }
        // Already that user: there is nothing to switch, and no right to.
        user.is_set = geteuid() == user.user && geteuid() != 0 ? 0 : 1
        return nil
    }

    /// Where the program may be, as execvp(3) looks for it.
    private func candidates(_ name: String) -> [String] {
        if name.contains("/") { return [name] }
        let path = environment.variables["PATH"]?.revealed ?? Self.defaultPath
        return path.split(separator: ":").map { "\($0)/\(name)" }
    }
}

/// Passes texts on as C does: a list of pointers that a null pointer ends.
private func withStrings<Value>(
    _ texts: [String],
    _ body: (UnsafeMutableBufferPointer<UnsafeMutablePointer<CChar>?>) -> Value
) -> Value {
    var pointers = texts.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    return pointers.withUnsafeMutableBufferPointer { body($0) }
}
