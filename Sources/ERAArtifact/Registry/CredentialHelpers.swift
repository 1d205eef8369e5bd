import ERACore
import ERALinux
import ERAManifest
import Glibc

/// The programs that keep logins, which docker's `config.json` names: `docker-credential-NAME`.
///
/// Source: the protocol of docker-credential-helpers: the argument `get`, a server on standard input, JSON or
/// a complaint on standard output.
public struct CredentialHelpers: Sendable {
    /// How long one may take.
    public static let timeLimit = Duration.seconds(20)
    /// The longest answer, in bytes; the tokens of clouds have some thousand.
    public static let answerSizeLimit = 64 << 10
    /// The longest name, in bytes.
    public static let nameLengthLimit = 100

    private let searchPath: [String]
    private let environment: [String]
    private let timeLimit: Duration

    /// - Parameters:
    ///   - searchPath: Where they are looked for: absolute directories.
    ///   - environment: `NAME=value`; helpers find the user's keys by it.
    ///   - timeLimit: How long each may take.
    public init(searchPath: [String], environment: [String], timeLimit: Duration = Self.timeLimit) {
        self.searchPath = searchPath
        self.environment = environment
        self.timeLimit = timeLimit
    }

    /// Where there are none.
    public static let none = CredentialHelpers(searchPath: [], environment: [])

    /// Asks a helper; it ends with the task.
    ///
    /// - Parameter file: Which names it.
    /// - Returns: Nil where it has no login for the registry.
    /// - Throws: ``Failure``, which shows nothing of a login; `CancellationError`.
    func login(_ name: String, for registry: String, namedIn file: String) async throws -> Credentials? {
        guard Self.isName(name) else {
            throw Failure.permanent(
                .fetchRefused,
                "\(file) names a credential helper for \(registry) that has no proper name; correct it"
            )
        }
        let call = Call(program: "docker-credential-" + name, registry: registry, file: file)
        var child = ChildProgram(
            searchPath.map { "\($0)/\(call.program)" },
            arguments: [call.program, "get"],
            environment: environment
        )
        child.input = Array(registry.utf8)
        child.keepsErrorsApart = true
        let outcome: ChildProgram.Outcome
        do {
            outcome = try await child.run(within: timeLimit, outputLimit: Self.answerSizeLimit + 1)
        } catch {
            throw call.notStarted(error)
        }
        switch outcome.end {
        case .code(0): return try call.login(outcome.output)
        case .code, .signal: return try call.complaint(outcome)
        case .timedOut:
            throw Failure.transient(
                .timeout,
                "\(call.subject) took longer than \(timeLimit.manifestText) and was killed; \(call.advice)"
            )
        case .cancelled, .stopped: throw CancellationError()
        }
    }

    private static func isName(_ text: String) -> Bool {
        (1...nameLengthLimit).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte)
                    || "-._".utf8.contains(byte)
            }
    }

    /// One question, and what its answers mean.
    private struct Call {
        let program: String
        let registry: String
        let file: String

        /// Who is to blame, for messages.
        var subject: String { "\(program), which \(file) names for the login of \(registry)," }
        var advice: String { "try it as the daemon's user: printf \(registry) | \(program) get" }

        func login(_ answer: [UInt8]) throws -> Credentials? {
            let refused = Failure.permanent(
                .fetchRefused,
                "\(subject) answered what is no login (ServerURL, Username, Secret); \(advice)"
            )
            guard answer.count <= CredentialHelpers.answerSizeLimit,
                // Whatever is wrong with it, there is no login; and nothing of it is shown.
                let value = try? JSONValue(jsonText: answer, nodeLimit: 1000),
                let username = value["Username"]?.string, let secret = value["Secret"]?.string
            else { throw refused }
            if username.isEmpty, secret.isEmpty { return nil }
            if username == "<token>", !secret.isEmpty, DockerConfig.isSendable(secret) {
                return .identity(token: secret)
            }
            guard let login = DockerConfig.basic(username, secret) else { throw refused }
            return login
        }

        /// - Returns: Nil where it only says that it has no login.
        func complaint(_ outcome: ChildProgram.Outcome) throws -> Credentials? {
            let said = Self.line(outcome.output) ?? Self.line(outcome.errors)
            if let said, said.contains("credentials not found") { return nil }
            throw Failure.transient(
                .fetchFailed,
                "\(subject) failed: \(said ?? "it did not say why"); \(advice)"
            )
        }

        func notStarted(_ error: ERALinux.SystemError) -> Failure {
            guard error.code == ENOENT else {
                return .transient(.fetchFailed, "\(subject) cannot be started: \(error.text); \(advice)")
            }
            return .permanent(
                .fetchRefused,
                "\(subject) is not in the PATH of the daemon; install it there, or log in without it"
            )
        }

        /// The first line that says something and is no answer, which might hold a login.
        private static func line(_ bytes: [UInt8]) -> String? {
            let text = String(decoding: bytes.prefix(4096), as: UTF8.self)
            let line = text.split(whereSeparator: \.isNewline).first { !$0.allSatisfy(\.isWhitespace) }
            guard let line, !text.contains("{") else { return nil }
            return String(line.prefix(200).map { $0 < " " || $0 == "\u{7F}" ? " " : $0 })
        }
    }
}
