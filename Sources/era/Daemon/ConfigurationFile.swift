import ArgumentParser
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
        // The command alone: a deployment may be called daemon.
        guard let command = arguments.first(where: { !$0.hasPrefix("-") }), readers.contains(command) else {
            return environment
        }
        let named = Completion.value(of: ["--config"], in: arguments, "ERA_CONFIG", environment)
        let path = named ?? Defaults.current.configFile
        guard let bytes = try read(path, mayBeMissing: named == nil) else { return environment }
        let names = try optionNames()
        let file = SettingsFile(reading: bytes, file: path, known: Set(names.keys))
        let diagnostics = file.diagnostics + (try file.settings.compactMap { try mistake($0, path) })
        guard diagnostics.isEmpty else {
            // Whoever shows it begins with the word that each summary has after its place.
            let lines = diagnostics.map(line)
            throw CommandFailure(lines.joined(separator: "\nerror: "), .wrongUsage)
        }
        var layered = environment
        for setting in file.settings {
            guard let variable = names[setting.name], layered[variable] == nil else { continue }
            layered.variables[variable] = setting.values.joined(separator: ",")
        }
        return layered
    }

    private static func line(_ diagnostic: Diagnostic) -> String {
        let place = diagnostic.position.map { ":\($0.line):\($0.column)" } ?? ""
        return "\(diagnostic.file)\(place): \(diagnostic.message)"
    }

    /// What is wrong with the value of a setting, as its option would say it; nil where nothing is.
    private static func mistake(_ setting: SettingsFile.Setting, _ path: String) throws -> Diagnostic? {
        let commands: [any ParsableCommand.Type] = [DaemonCommand.self, ReconcileCommand.self]
        for command in commands {
            let table = try OptionTable(of: command)
            for option in table.options {
                guard let name = option.longNames.first, camelCase(name) == setting.name else { continue }
                guard let message = complaint(setting, option, name, table, command) else { return nil }
                return Diagnostic(file: path, position: setting.position, message: message)
            }
        }
        return nil
    }

    private static func complaint(
        _ setting: SettingsFile.Setting,
        _ option: OptionTable.Option,
        _ name: String,
        _ table: OptionTable,
        _ command: any ParsableCommand.Type
    ) -> String? {
        guard setting.values.count == 1 || option.isRepeatable else {
            return "\(setting.name) takes one value"
        }
        do {
            let arguments = try SettingsLayers.arguments(
                for: option,
                name,
                setting.values.joined(separator: ","),
                setting.name,
                opposite: table.opposite(of: name)?.name
            )
            _ = try command.parse(arguments)
            return nil
        } catch let failure as CommandFailure {
            return "\(failure)"
        } catch {
            // ArgumentParser's text names the flag, which nobody typed; the reason stands behind it.
            let text = command.message(for: error)
            let reason = text.firstRange(of: ">': ").map { text[$0.upperBound...] } ?? text[...]
            return "\(setting.name): \(reason)"
        }
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
