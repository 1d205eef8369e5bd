import CLinux
import ERAContracts
import ERALinux
import Glibc

/// A program as a probe, in the surroundings of its workload.
///
/// It ends as a whole, in time; a program that leaves its process group (setsid) and lingers is out of
/// reach here.
struct ExecProbe {
    /// The most groups of a user; beyond it the probe fails.
    private static let groupLimit = 256
    /// What a shell searches where no path is set (glibc's `_CS_PATH`, with the administrator's directories).
    private static let defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    private struct Problem: Error {
        let text: String
        init(_ text: String) { self.text = text }
    }

    let command: [String]
    let environment: ProbeEnvironment

    func run(timeout: Duration) async -> ProbeOutcome {
        let name = command.first ?? ""
        do throws(Problem) {
            let program = try program()
            do throws(SystemError) {
                let outcome = try await program.run(within: timeout, outputLimit: outcomeTextLimit)
                return Self.outcome(of: name, outcome, timeout)
            } catch {
                throw Problem(error.text)
            }
        } catch {
            return .failed("running \(name) failed: \(error.text)")
        }
    }

    private static func outcome(
        of name: String,
        _ outcome: ChildProgram.Outcome,
        _ timeout: Duration
    ) -> ProbeOutcome {
        let end: String
        switch outcome.end {
        case .code(0): return .success
        case .code(let code): end = "exited with code \(code)"
        case .signal(let signal): end = "was killed by signal \(signal)"
        case .timedOut: return .failed("\(name) did not end within \(timeout); killed")
        case .stopped, .cancelled: return .failed("\(name) was cancelled")
        }
        let text = String(decoding: outcome.output, as: UTF8.self)
        let line = String(text.map { $0.isNewline ? " " : $0 })
        return .failed(line.isEmpty ? "\(name) \(end)" : "\(name) \(end): \(line)")
    }

    private func program() throws(Problem) -> ChildProgram {
        guard let name = command.first, !name.isEmpty else { throw Problem("the command is empty") }
        let variables = environment.variables.map { "\($0.key)=\($0.value.revealed)" }.sorted()
        guard !(command + variables + [environment.workingDirectory]).contains(where: { $0.utf8.contains(0) })
        else { throw Problem("the command or its environment has a NUL character") }
        return ChildProgram(
            candidates(name),
            arguments: command,
            environment: variables,
            directory: environment.workingDirectory,
            user: try user(),
            capabilities: environment.capabilities
        )
    }

    private func user() throws(Problem) -> ChildProgram.User? {
        guard let name = environment.user else { return nil }
        var user: uid_t = 0
        var group: gid_t = 0
        var groups = [gid_t](repeating: 0, count: Self.groupLimit)
        var count = groups.count
        switch era_probe_find_user(name, &user, &group, &groups, &count) {
        case 0: break
        case ENOENT: throw Problem("there is no user \(name)")
        case let code: throw Problem("looking up the user \(name): \(SystemError(code).text)")
        }
        // Already that user: there is nothing to switch, and no right to.
        if geteuid() == user, geteuid() != 0 { return nil }
        return ChildProgram.User(user: user, group: group, groups: Array(groups.prefix(count)))
    }

    /// Where the program may be, as execvp(3) looks for it.
    private func candidates(_ name: String) -> [String] {
        if name.contains("/") { return [name] }
        let path = environment.variables["PATH"]?.revealed ?? Self.defaultPath
        return path.split(separator: ":").map { "\($0)/\(name)" }
    }
}
