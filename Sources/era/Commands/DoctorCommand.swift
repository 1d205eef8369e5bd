import ArgumentParser
import ERAAPI
import ERAClient
import ERAContracts
import ERACore
import ERARuntime
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

    @OptionGroup var places: PlaceOptions

    @OptionGroup var connection: ConnectionOptions

    @OptionGroup var trust: TrustOptions

    func run() async throws {
        let answer = await daemon
        let findings =
            installation(answer.directories) + trust.files.findings + (await host) + answer.findings
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

    /// - Parameter directories: Those that a daemon reads; nil where none answers.
    private func installation(_ directories: SourceDirectories?) -> [Finding] {
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
        let manifests = places.givenManifests.map { [$0] } ?? directories?.paths ?? [places.manifests]
        for (subject, path, purpose) in manifests.map({ ("manifests", $0, DirectoryCheck.Use.declared) }) + [
            ("secrets", places.secretsDir, .optional), ("data", places.dataDir, .data),
            ("run", connection.runDir, .own),
        ] {
            let check = DirectoryCheck(subject, Composition.absolute(path), purpose, userID: user)
            findings += check.findings
        }
        return findings
    }

    private var host: [Finding] {
        get async {
            // Without the facts there is no shim either, which is found above.
            let facts = try? HostFacts(.current())
            let searchPath = facts?.searchPath ?? []
            let namespaces = UserNamespaces(shimPath: facts?.shimPath ?? "era-shim", searchPath: searchPath)
            return [
                HostChecks.disk(Composition.absolute(places.dataDir)), HostChecks.cgroups(),
                HostChecks.openFiles(),
                HostChecks.modules(await WasmPlugin.engine(searchPath: searchPath)),
                HostChecks.containers(
                    await ContainerPlugin.survey(searchPath: searchPath, namespaces: namespaces)
                ),
                HostChecks.clock(now: time(nil), isSynchronised: HostChecks.isClockSynchronised()),
                HostChecks.socketPath(Composition.absolute(connection.socketPath)),
            ]
        }
    }

    /// What a daemon that answers, reads, and what is to be said of it.
    private var daemon: (directories: SourceDirectories?, findings: [Finding]) {
        get async {
            let client = connection.client(timeout: .seconds(5))
            do {
                let version = try await client.version()
                let health = try await client.health()
                let sources = try await client.sources()
                let findings =
                    DaemonChecks.daemon(version, health) + DaemonChecks.sources(sources)
                    + DaemonChecks.plugins(try await client.plugins())
                return (SourceDirectories(sources), findings)
            } catch {
                let advice =
                    (error as? ClientError)?.exitCode == 3
                    ? DaemonReach.real.advice(connection.socketPath) : "\(error)"
                return (nil, [.warning("daemon", "none answers at \(connection.socketPath); \(advice)")])
            }
        }
    }
}
