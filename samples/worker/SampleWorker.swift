import Glibc

/// A worker to deploy: it counts, keeps the count on a volume, and needs two secrets.
///
/// The count goes on where it stopped, whatever happens to the process; the secrets are never printed.
@main
enum SampleWorker {
    static let usage = """
        usage: sample-worker --state FILE --token-variable NAME --token-file FILE [--period SECONDS] [--version TEXT]
        """

    static func main() {
        do throws(Problem) {
            let options = try Options(CommandLine.arguments.dropFirst())
            try run(options)
        } catch let problem {
            write("sample-worker: \(problem.message)", to: STDERR_FILENO)
            exit(problem.exitCode)
        }
    }

    /// Counts until SIGTERM or SIGINT.
    private static func run(_ options: Options) throws(Problem) {
        let tokens = try checkTokens(options)
        var count = try Counter.read(options.state)
        write(
            "sample-worker \(options.version) (PID \(getpid())) goes on after \(count); \(tokens)",
            to: STDOUT_FILENO
        )
        var stopSignals = sigset_t()
        sigemptyset(&stopSignals)
        sigaddset(&stopSignals, SIGTERM)
        sigaddset(&stopSignals, SIGINT)
        sigprocmask(SIG_BLOCK, &stopSignals, nil)
        var period = timespec(
            tv_sec: Int(options.periodMilliseconds / 1000),
            tv_nsec: Int(options.periodMilliseconds % 1000) * 1_000_000
        )
        repeat {
            count += 1
            try Counter.write(count, options.state)
            if count % 10 == 0 { write("counted to \(count)", to: STDOUT_FILENO) }
        } while sigtimedwait(&stopSignals, nil, &period) < 0
        write("told to stop; the count of \(count) is kept in \(options.state)", to: STDOUT_FILENO)
    }

    /// Checks that both ways to get a secret work, and describes it without telling it.
    private static func checkTokens(_ options: Options) throws(Problem) -> String {
        guard let value = getenv(options.tokenVariable) else {
            throw Problem("the variable \(options.tokenVariable) is not set; it comes from a secret")
        }
        let fromEnvironment = String(cString: value)
        let fromFile = try readText(options.tokenFile)
        guard !fromEnvironment.isEmpty, fromEnvironment == fromFile else {
            throw Problem("\(options.tokenVariable) and \(options.tokenFile) do not hold the same token")
        }
        return "its token has \(fromFile.utf8.count) bytes"
    }
}

/// What the command line asks for.
struct Options {
    var state = ""
    var tokenVariable = ""
    var tokenFile = ""
    var periodMilliseconds: Int64 = 1000
    var version = "1.0.0"

    /// - Throws: ``Problem`` for an unknown option, or a value that is missing or out of range.
    init(_ arguments: some Sequence<String>) throws(Problem) {
        var rest = arguments.makeIterator()
        while let option = rest.next() {
            guard let value = rest.next() else { throw Problem.usage("\(option) needs a value") }
            switch option {
            case "--state": state = value
            case "--token-variable": tokenVariable = value
            case "--token-file": tokenFile = value
            case "--version": version = value
            case "--period":
                guard let seconds = Double(value), (0.01...3600).contains(seconds) else {
                    throw Problem.usage("--period \(value): not a number of seconds from 0.01 to 3600")
                }
                periodMilliseconds = Int64(seconds * 1000)
            default: throw Problem.usage("unknown option \(option)")
            }
        }
        guard !state.isEmpty, !tokenVariable.isEmpty, !tokenFile.isEmpty else {
            throw Problem.usage("--state, --token-variable and --token-file are needed")
        }
    }
}
