import ArgumentParser

/// Settings that stand outside the command line, made into arguments before it is parsed: so every option has
/// its variable, and no command knows of them.
struct SettingsLayers {
    /// What asks for consent, or is no setting at all, counts only where it is typed.
    static let typedOnly: Set<String> = ["help", "version", "all", "confirm"]

    let environment: Environment

    init(_ environment: Environment) { self.environment = environment }

    /// The arguments, and those options that variables give and the arguments do not.
    ///
    /// Options that stand before the command (`era --run-dir X get`) are moved behind it.
    /// - Throws: ``CommandFailure`` for a variable of a flag that is neither true nor false.
    func complete(_ arguments: [String], of root: any ParsableCommand.Type) throws -> [String] {
        // Asked by a shell's completion (three dashes): what it sends is not a command line.
        guard !(arguments.first?.hasPrefix("---") ?? false) else { return arguments }
        let line = Self.split(arguments, root)
        guard !line.path.isEmpty else {
            try Self.checkCommand(line.rest, of: root)
            return arguments
        }
        // `--` and what follows are operands: options go before.
        return line.path + (try added(to: line)) + line.rest
    }

    /// - Throws: ``CommandFailure`` for a word that names no command.
    private static func checkCommand(_ words: [String], of root: any ParsableCommand.Type) throws {
        var command = root
        for word in words.first == "help" ? words.dropFirst() : words[...] {
            guard !word.hasPrefix("-"), word != "help", !command.configuration.subcommands.isEmpty else {
                return
            }
            if let next = subcommand(named: word, of: command) {
                command = next
                continue
            }
            let names = command.configuration.subcommands.flatMap {
                [$0._commandName] + $0.configuration.aliases
            }
            let hint = Nearest.word(to: word, among: names).map { "did you mean \($0)?" }
            throw CommandFailure(
                "there is no command \(word); \(hint ?? "see: \(root._commandName) --help")",
                .wrongUsage
            )
        }
    }

    /// A command line: the command's words, the command, the rest.
    private struct Line {
        var path: [String] = []
        var command: any ParsableCommand.Type
        var rest: [String] = []
    }

    private func added(to line: Line) throws -> [String] {
        guard environment.variables.keys.contains(where: { $0.hasPrefix("ERA_") }) else { return [] }
        let table = try OptionTable(of: line.command)
        let given = table.given(in: line.rest)
        return try table.options.enumerated().flatMap { index, option in
            guard !given.contains(index), let name = option.longNames.first, !Self.typedOnly.contains(name),
                let variable = option.variable, let value = environment[variable], !value.isEmpty
            else { return [String]() }
            let opposite = table.opposite(of: name)
            if let opposite, given.contains(opposite.index) { return [] }
            return try Self.arguments(for: option, name, value, variable, opposite: opposite?.name)
        }
    }

    /// The arguments that stand for a value from outside the command line.
    ///
    /// - Parameter variable: What the value is called where it was written.
    /// - Throws: ``CommandFailure`` for a flag that is neither true nor false.
    static func arguments(
        for option: OptionTable.Option,
        _ name: String,
        _ value: String,
        _ variable: String,
        opposite: String?
    ) throws -> [String] {
        guard option.takesValue else {
            switch value.lowercased() {
            case "true", "1", "yes", "on": return ["--\(name)"]
            case "false", "0", "no", "off": return opposite.map { ["--\($0)"] } ?? []
            default:
                throw CommandFailure("\(variable) is \"\(value)\"; set it to true or false", .wrongUsage)
            }
        }
        guard option.isRepeatable else { return ["--\(name)=\(value)"] }
        return value.split(separator: ",").map { "--\(name)=\($0)" }
    }

    /// Finds the command: words that name one, after options that stand before it.
    private static func split(_ arguments: [String], _ root: any ParsableCommand.Type) -> Line {
        var line = Line(command: root)
        var leading: [String] = []
        var rest = arguments[...]
        while let argument = rest.first {
            if let command = subcommand(named: argument, of: line.command) {
                line.path.append(argument)
                line.command = command
            } else if line.path.isEmpty, let count = globalOption(rest) {
                leading += rest.prefix(count)
                rest = rest.dropFirst(count)
                continue
            } else {
                break
            }
            rest = rest.dropFirst()
        }
        line.rest = leading + rest
        // Named, so that what is added goes to it; help is asked for the command as it was written.
        if let command = line.command.configuration.defaultSubcommand,
            !rest.contains(where: ["-h", "--help"].contains)
        {
            line.path.append(command._commandName)
            line.command = command
        }
        return line
    }

    private static func subcommand(
        named name: String,
        of command: any ParsableCommand.Type
    ) -> (any ParsableCommand.Type)? {
        command.configuration.subcommands.first {
            $0._commandName == name || $0.configuration.aliases.contains(name)
        }
    }

    /// How many arguments an option that most commands have takes; nil for anything else.
    private static func globalOption(_ arguments: ArraySlice<String>) -> Int? {
        guard let first = arguments.first else { return nil }
        if ["--run-dir=", "--namespace="].contains(where: first.hasPrefix) { return 1 }
        if ["--run-dir", "--namespace", "-n"].contains(first), arguments.count > 1 { return 2 }
        return nil
    }
}
