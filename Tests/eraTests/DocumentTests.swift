import ArgumentParser
import Testing

@testable import era

@Suite struct `The page about the command` {
    static let names: [String] = Era.configuration.subcommands.map { $0._commandName }

    /// The text of docs/cli.md.
    static func page() throws -> String {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let bytes = try FileBytes.read("/\(root)/docs/cli.md", limit: 1 << 20)
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test(arguments: names)
    func `tells of every command`(_ name: String) throws {
        #expect(try Self.page().contains("`era \(name)"), "era \(name) is missing")
    }

    @Test(arguments: names)
    func `tells of every option`(_ name: String) throws {
        let page = try Self.page()
        let command = try #require(Era.configuration.subcommands.first { $0._commandName == name })
        let commands = [command] + command.configuration.subcommands
        for option in try commands.flatMap({ try OptionTable(of: $0).options }) {
            let long = try #require(option.longNames.first)
            #expect(page.contains("--\(long)"), "--\(long) of era \(name) is missing")
        }
    }

    @Test(arguments: ProgramExit.allCases)
    func `tells of every exit code`(_ exit: ProgramExit) throws {
        #expect(try Self.page().contains("\n| \(exit.rawValue) |"))
    }
}
