import ArgumentParser
import Testing

@testable import era

@Suite struct `Variables stand for options` {
    private func complete(_ arguments: [String], _ variables: [String: String]) throws -> [String] {
        try SettingsLayers(Environment(variables)).complete(arguments, of: Era.self)
    }

    @Test func `where the command line does not give them`() throws {
        let variables = ["ERA_RUN_DIR": "/r", "ERA_NAMESPACE": "shop", "ERA_OUTPUT": "json"]
        let added = try complete(["get"], variables)
        #expect(added.first == "get")
        #expect(Set(added.dropFirst()) == ["--run-dir=/r", "--namespace=shop", "--output=json"])
    }

    // Each row gives one option in another way, so that its variable does not count.
    @Test(arguments: [
        ["get", "--output", "yaml"], ["get", "--output=yaml"], ["get", "-o", "yaml"], ["get", "-oyaml"],
        ["get", "-Ao", "yaml"], ["get", "-w", "-oyaml", "web"],
    ])
    func `and not where it does`(_ arguments: [String]) throws {
        #expect(try complete(arguments, ["ERA_OUTPUT": "json"]) == arguments)
    }

    @Test func `but a value that looks like an option gives none`() throws {
        let added = try complete(["get", "--selector", "-o"], ["ERA_OUTPUT": "json"])
        #expect(added.contains("--output=json"))
        #expect(
            try complete(["logs", "--", "-f"], ["ERA_FOLLOW": "true"]) == ["logs", "--follow", "--", "-f"]
        )
    }

    @Test(arguments: ["true", "1", "yes", "TRUE"])
    func `flags too`(_ value: String) throws {
        #expect(try complete(["get"], ["ERA_WATCH": value]) == ["get", "--watch"])
    }

    @Test(arguments: ["false", "0", "no", ""])
    func `flags that are off add nothing`(_ value: String) throws {
        #expect(try complete(["get"], ["ERA_WATCH": value]) == ["get"])
    }

    @Test func `a flag that has an opposite is turned off by it`() throws {
        #expect(try complete(["delete", "web"], ["ERA_WAIT": "false"]) == ["delete", "--no-wait", "web"])
        #expect(try complete(["delete", "web"], ["ERA_NO_WAIT": "true"]) == ["delete", "--no-wait", "web"])
        let typed = ["delete", "web", "--wait"]
        #expect(try complete(typed, ["ERA_WAIT": "false", "ERA_NO_WAIT": "true"]) == typed)
    }

    @Test func `a flag that is neither on nor off is wrong usage`() {
        let error = #expect(throws: CommandFailure.self) { try complete(["get"], ["ERA_WATCH": "maybe"]) }
        #expect(error?.exit == .wrongUsage)
        #expect(error?.message?.contains("ERA_WATCH") ?? false)
    }

    @Test func `lists are split at commas`() throws {
        let added = try complete(["apply"], ["ERA_FILENAME": "a.yaml,b.yaml"])
        #expect(added == ["apply", "--filename=a.yaml", "--filename=b.yaml"])
    }

    @Test func `consent must be typed`() throws {
        #expect(try complete(["delete"], ["ERA_ALL": "true"]) == ["delete"])
        #expect(try complete(["prune"], ["ERA_CONFIRM": "true"]) == ["prune"])
        #expect(try complete(["get"], ["ERA_HELP": "true", "ERA_VERSION": "true"]) == ["get"])
    }

    @Test func `a command inside a command gets them`() throws {
        let variables = ["ERA_RUN_DIR": "/r"]
        #expect(try complete(["plugins", "list"], variables) == ["plugins", "list", "--run-dir=/r"])
        #expect(try complete(["plugins"], variables) == ["plugins", "list", "--run-dir=/r"])
        let described = try complete(["plugins", "describe", "process"], variables)
        #expect(described == ["plugins", "describe", "--run-dir=/r", "process"])
    }

    @Test func `options may stand before the command`() throws {
        #expect(try complete(["--run-dir", "/r", "get", "web"], [:]) == ["get", "--run-dir", "/r", "web"])
        #expect(try complete(["-n", "shop", "get"], ["ERA_NAMESPACE": "x"]) == ["get", "-n", "shop"])
    }

    @Test func `shells that ask for completions are left alone`() throws {
        let asked = ["---completion", "get", "--", "names", "0", "era", "get", ""]
        #expect(try complete(asked, ["ERA_OUTPUT": "json"]) == asked)
    }

    @Test func `a word that is no command gets a suggestion`() {
        let error = #expect(throws: CommandFailure.self) { try complete(["destroy"], [:]) }
        #expect(error?.exit == .wrongUsage)
        let near = #expect(throws: CommandFailure.self) { try complete(["aply", "-f", "x"], [:]) }
        #expect(near?.message == "there is no command aply; did you mean apply?")
    }

    @Test func `a word after help that is no command gets one too`() throws {
        let near = #expect(throws: CommandFailure.self) { try complete(["help", "gett"], [:]) }
        #expect(near?.message == "there is no command gett; did you mean get?")
        #expect(near?.exit == .wrongUsage)
        let inner = #expect(throws: CommandFailure.self) { try complete(["help", "plugins", "lst"], [:]) }
        #expect(inner?.message == "there is no command lst; did you mean list?")
        for fine in [["help"], ["help", "get"], ["help", "plugins", "list"], ["help", "help"]] {
            #expect(try complete(fine, [:]) == fine)
        }
    }
}

@Suite struct `Every command` {
    static let paths: [[String]] = Era.configuration.subcommands.flatMap { command in
        let inner = command.configuration.subcommands
        return inner.isEmpty
            ? [[command._commandName]] : inner.map { [command._commandName, $0._commandName] }
    }

    /// What each option would be called: nothing else may lead to the same variable.
    @Test(arguments: paths)
    func `has a variable of its own for each option`(_ path: [String]) throws {
        var command: any ParsableCommand.Type = Era.self
        for name in path {
            command = try #require(command.configuration.subcommands.first { $0._commandName == name })
        }
        let table = try OptionTable(of: command)
        let variables = table.options.map(\.variable)
        #expect(!variables.contains(nil), "an option has no long name")
        #expect(Set(variables).count == variables.count)
        #expect(table.options.contains { $0.longNames == ["help"] })
    }

    @Test(arguments: paths)
    func `says what it is for`(_ path: [String]) async {
        let report = await Self.report(path + ["--help"])
        #expect(report.exit == .done)
        #expect(report.output.contains("USAGE: era \(path.joined(separator: " "))"))
        #expect(report.talk.isEmpty)
    }

    @Test(arguments: paths)
    func `refuses an option that it does not know as wrong usage`(_ path: [String]) async {
        let report = await Self.report(path + ["--no-such-option"])
        #expect(report.exit == .wrongUsage)
        #expect(report.output.isEmpty)
        #expect(report.talk.hasPrefix("error: "))
    }

    /// What the errors of reading a command line come to.
    static func report(_ arguments: [String]) async -> ErrorReport {
        do {
            var command = try await Era.asyncParseAsRoot(arguments)
            // Asking for help is parsed as a command of ArgumentParser's own.
            if !(command is any AsyncParsableCommand) { try command.run() }
            return ErrorReport(CommandFailure("it was parsed as \(type(of: command))"))
        } catch {
            return ErrorReport(error)
        }
    }
}
