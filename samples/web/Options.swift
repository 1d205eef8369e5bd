/// What the command line asks for.
struct Options {
    static let usage = """
        usage: sample-web [--port N] [--host ADDRESS] [--name NAME] [--version TEXT]
                          [--unhealthy] [--ready-after SECONDS] [--crash-after SECONDS]
        Where LISTEN_FDS and LISTEN_PID hand over a socket, that one is used, not --host and --port.
        """

    var host = "127.0.0.1"
    var port: UInt16 = 8080
    var name = "sample-web"
    var version = "1.0.0"
    /// `/healthz` answers 500 for ever.
    var isUnhealthy = false
    /// `/healthz` answers 503 for so long after the start.
    var readyAfter: Milliseconds = 0
    /// The program ends with exit code 1 so long after the start.
    var crashAfter: Milliseconds?

    /// - Throws: ``Problem`` for an unknown option, or a value that is missing or out of range.
    init(_ arguments: some Sequence<String>) throws(Problem) {
        var rest = arguments.makeIterator()
        while let option = rest.next() {
            if option == "--unhealthy" {
                isUnhealthy = true
                continue
            }
            guard Self.withValue.contains(option) else { throw Problem.usage("unknown option \(option)") }
            guard let value = rest.next() else { throw Problem.usage("\(option) needs a value") }
            try set(option, value)
        }
    }

    private static let withValue: Set<String> = [
        "--port", "--host", "--name", "--version", "--ready-after", "--crash-after",
    ]

    private mutating func set(_ option: String, _ value: String) throws(Problem) {
        switch option {
        case "--port":
            guard let number = UInt16(value) else { throw Problem.usage("--port \(value): not 0 to 65535") }
            port = number
        case "--ready-after": readyAfter = try Self.seconds(option, value)
        case "--crash-after": crashAfter = try Self.seconds(option, value)
        case "--host": host = value
        case "--name": name = value
        default: version = value
        }
    }

    private static func seconds(_ option: String, _ value: String) throws(Problem) -> Milliseconds {
        guard let seconds = Double(value), (0...86_400).contains(seconds) else {
            throw Problem.usage("\(option) \(value): not a number of seconds from 0 to 86400")
        }
        return Milliseconds(seconds * 1000)
    }
}
