/// A deployment to declare: sample-web, unless something else is said.
struct App: Sendable {
    var name: String
    var port: UInt16 = 0
    var version = "1.0.0"
    var passSocket = false
    /// For a program other than sample-web: itself and its arguments.
    var program: [String]?
    /// Further arguments of sample-web.
    var options: [String] = []
    /// Failed startup probes until a version is given up.
    var failures = 60
    var bakeSeconds = 0
    var stopSignal = "TERM"
    /// More of `spec`, in lines without indentation.
    var more = ""

    /// The version that comes next and answers its probes with 500.
    func broken(_ version: String) -> App {
        var app = self
        app.version = version
        app.options.append("--unhealthy")
        app.failures = 1
        return app
    }

    /// The same app in another version.
    func at(_ version: String) -> App {
        var app = self
        app.version = version
        return app
    }

    /// The manifest.
    var yaml: String {
        let command =
            program ?? [Machine.product("sample-web"), "--name", name, "--version", version]
            + (passSocket ? [] : ["--port", "\(port)"]) + options
        var lines = [
            "version: \"\(version)\"", "runtime: {plugin: process}",
            "command: [\(command.map { "\"\($0)\"" }.joined(separator: ", "))]",
            "update: {bakeSeconds: \(bakeSeconds)}", "stop: {signal: \(stopSignal), grace: 5s}",
        ]
        if port != 0 {
            lines.append("ports: [{name: http, port: \(port), passSocket: \(passSocket)}]")
        }
        if port != 0, program == nil {
            let probe = "httpGet: {path: /healthz, port: http}, periodSeconds: 1, timeoutSeconds: 5"
            lines.append("health: {startup: {\(probe), failureThreshold: \(failures)}}")
        }
        lines += more.split(separator: "\n").map(String.init)
        return "apiVersion: era.dev/v1\nkind: Deployment\nmetadata: {name: \(name)}\nspec:\n"
            + lines.map { "  \($0)\n" }.joined()
    }
}
