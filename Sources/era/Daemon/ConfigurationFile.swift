import ERAManifest
import Glibc

/// The configuration file of the daemon: its options by their names in camelCase, `dataDir: /srv/era`.
///
/// Its settings stand in for variables that are not set, so that flags win over variables, variables over the
/// file, and the file over the defaults.
struct ConfigurationFile {
    /// The commands that read it.
    static let readers = ["daemon", "reconcile"]
    /// Options that make no sense in it.
    private static let typedOnly = SettingsLayers.typedOnly.union(["config", "confirm-prune"])

    /// The variables, with the file's settings where they say nothing; unchanged for commands that read none.
    ///
    /// - Throws: ``CommandFailure`` for a file that was named and is not there, and for what is wrong in it.
    static func layered(_ environment: Environment, _ arguments: [String]) throws -> Environment {
        guard arguments.contains(where: readers.contains) else { return environment }
        let named = Completion.value(of: ["--config"], in: arguments, "ERA_CONFIG", environment)
        let path = named ?? Defaults.current.configFile
        guard let bytes = try read(path, mayBeMissing: named == nil) else { return environment }
        let names = try optionNames()
        let file = SettingsFile(reading: bytes, file: path, known: Set(names.keys))
        guard file.diagnostics.isEmpty else {
            throw CommandFailure(file.diagnostics.map(\.summary).joined(separator: "\n"), .wrongUsage)
        }
        var layered = environment
        for setting in file.settings {
            guard let variable = names[setting.name], layered[variable] == nil else { continue }
            layered.variables[variable] = setting.values.joined(separator: ",")
        }
        return layered
    }

    /// The variables of all options of the readers, by their names in the file.
    private static func optionNames() throws -> [String: String] {
        var names: [String: String] = [:]
        for table in [try OptionTable(of: DaemonCommand.self), try OptionTable(of: ReconcileCommand.self)] {
            for option in table.options {
                guard let name = option.longNames.first, let variable = option.variable,
                    !typedOnly.contains(name), !name.hasPrefix("no-")
                else { continue }
                names[camelCase(name)] = variable
            }
        }
        return names
    }

    static func camelCase(_ name: String) -> String {
        let words = name.split(separator: "-")
        return words.prefix(1).joined()
            + words.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }

    private static func read(_ path: String, mayBeMissing: Bool) throws -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT, mayBeMissing { return nil }
            throw CommandFailure("cannot read the configuration \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while bytes.count <= ManifestLimits.fileSizeLimit {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count == 0 { break }
            guard count > 0 else {
                throw CommandFailure(
                    "cannot read the configuration \(path): \(String(cString: strerror(errno)))"
                )
            }
            bytes += chunk.prefix(count)
        }
        return bytes
    }
}
