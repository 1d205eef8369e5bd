import ArgumentParser
import ERAAPI
import ERAClient
import ERAContracts
import ERACore
import Glibc

/// `era doctor`
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check this machine and this installation, and say what to do about what is wrong.",
        discussion: """
            Run it as the user that runs the daemon: it sees what that sees. Exit code 1 where ERA cannot \
            work.
            """
    )

    @Option(
        help: ArgumentHelp("The directory of manifests (ERA_MANIFESTS).", valueName: "directory"),
        completion: .directory
    )
    var manifests: String = Defaults.current.manifestsDirectory

    @Option(
        help: ArgumentHelp("Where the daemon keeps its state (ERA_DATA_DIR).", valueName: "directory"),
        completion: .directory
    )
    var dataDir: String = Defaults.current.dataDirectory

    @Option(
        help: ArgumentHelp("Secrets, as NAMESPACE/NAME/KEY (ERA_SECRETS_DIR).", valueName: "directory"),
        completion: .directory
    )
    var secretsDir: String = Defaults.current.secretsDirectory

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let findings = installation + host + (await daemon)
        let rows = findings.map { finding in
            [
                TextTable.Cell(finding.verdict.rawValue, finding.look), TextTable.Cell(finding.subject),
                TextTable.Cell(finding.message),
            ]
        }
        Console.output(TextTable([], rows).text(.output))
        let problems = findings.count { $0.verdict == .problem }
        guard problems == 0 else {
            throw CommandFailure("\(Words.count(problems, "problem")) found; see above what to do")
        }
    }

    private var installation: [Finding] {
        let user = Environment.userID
        var findings: [Finding] = [
            user == 0
                ? .good("user", "root")
                : .good("user", "user \(user): programs run as this user, limits need delegated cgroups")
        ]
        do {
            findings.append(.good("shim", try HostFacts(.current()).shimPath))
        } catch {
            findings.append(.problem("shim", "\(error)"))
        }
        findings += DirectoryCheck("manifests", absolute(manifests), .declared, userID: user).findings
        findings += DirectoryCheck("secrets", absolute(secretsDir), .optional, userID: user).findings
        findings += DirectoryCheck("data", absolute(dataDir), .own, userID: user).findings
        findings += DirectoryCheck("run", absolute(connection.runDir), .own, userID: user).findings
        return findings
    }

    private var host: [Finding] {
        [
            HostChecks.disk(absolute(dataDir)), HostChecks.cgroups(), HostChecks.openFiles(),
            HostChecks.clock(now: time(nil), isSynchronised: HostChecks.isClockSynchronised()),
            HostChecks.socketPath(absolute(connection.socketPath)),
        ]
    }

    private var daemon: [Finding] {
        get async {
            let client = connection.client(timeout: .seconds(5))
            do {
                let version = try await client.version()
                let health = try await client.health()
                return Self.findings(version, health)
            } catch {
                let advice = (error as? ClientError)?.exitCode == 3 ? "start it with: era daemon" : "\(error)"
                return [.warning("daemon", "none answers at \(connection.socketPath); \(advice)")]
            }
        }
    }

    /// What a daemon that answers says of itself.
    static func findings(_ version: VersionObject, _ health: EngineHealth) -> [Finding] {
        var findings: [Finding] = []
        if version.era != Era.version {
            findings.append(
                .warning(
                    "daemon",
                    "it is of version \(version.era), this program of \(Era.version): restart it"
                )
            )
        }
        if let degraded = health.degraded {
            findings.append(.problem("daemon", "it cannot write: \(degraded)"))
        } else if !health.isReady {
            findings.append(.warning("daemon", "it has not looked at everything yet; ask again in a moment"))
        }
        let count = health.phases.values.reduce(0, +)
        let state = "answers; \(Words.count(count, "deployment")), \(health.busy) busy"
        return findings.isEmpty ? [.good("daemon", state)] : findings
    }

    private func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/") else { return path }
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        guard getcwd(&buffer, buffer.count) != nil else { return path }
        let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return String(decoding: bytes, as: UTF8.self) + "/" + path
    }
}
