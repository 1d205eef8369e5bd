/// Where ERA keeps what it keeps, unless somebody says otherwise.
///
/// Root has the places of the Filesystem Hierarchy Standard 3.0, everybody else those of the XDG Base
/// Directory Specification 0.8.
struct Defaults: Equatable, Sendable {
    /// Configuration of the daemon.
    var configFile: String
    /// Manifests, which the daemon watches.
    var manifestsDirectory: String
    /// Secrets: `NAMESPACE/NAME/KEY`.
    var secretsDirectory: String
    /// Database, artifacts, instances, volumes.
    var dataDirectory: String
    /// The socket of the API, and those of the shims.
    var runDirectory: String
    /// Runtime plugins of others.
    var pluginDirectory: String

    /// The defaults of the user that runs this program.
    static var current: Defaults {
        Defaults(userID: Environment.userID, Environment.current())
    }

    /// - Parameter userID: The effective one; 0 is root.
    init(userID: UInt32, _ environment: Environment) {
        guard userID != 0 else {
            configFile = "/etc/era/era.yaml"
            manifestsDirectory = "/etc/era/manifests"
            secretsDirectory = "/etc/era/secrets"
            dataDirectory = "/var/lib/era"
            runDirectory = "/run/era"
            pluginDirectory = "/usr/local/lib/era/plugins"
            return
        }
        // The specification has relative paths ignored.
        func directory(_ variable: String) -> String? {
            environment[variable].flatMap { $0.hasPrefix("/") ? $0 : nil }
        }
        let home = directory("HOME") ?? "/nonexistent"
        let configuration = (directory("XDG_CONFIG_HOME") ?? "\(home)/.config") + "/era"
        configFile = "\(configuration)/era.yaml"
        manifestsDirectory = "\(configuration)/manifests"
        secretsDirectory = "\(configuration)/secrets"
        dataDirectory = (directory("XDG_DATA_HOME") ?? "\(home)/.local/share") + "/era"
        pluginDirectory = "\(dataDirectory)/plugins"
        // Without a session there is no XDG_RUNTIME_DIR, and no other place that ends with the boot is the
        // user's own.
        runDirectory = directory("XDG_RUNTIME_DIR").map { "\($0)/era" } ?? "\(dataDirectory)/run"
    }

    /// The socket of the API in a run directory.
    static func socketPath(runDirectory: String) -> String { "\(runDirectory)/era.sock" }
}
