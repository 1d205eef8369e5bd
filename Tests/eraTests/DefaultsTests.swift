import Testing

@testable import era

@Suite struct `The defaults` {
    @Test func `of root are those of the file system hierarchy`() {
        let defaults = Defaults(userID: 0, Environment(["HOME": "/nowhere", "XDG_DATA_HOME": "/x"]))
        #expect(defaults.configFile == "/etc/era/era.yaml")
        #expect(defaults.manifestsDirectory == "/etc/era/manifests")
        #expect(defaults.secretsDirectory == "/etc/era/secrets")
        #expect(defaults.dataDirectory == "/var/lib/era")
        #expect(defaults.runDirectory == "/run/era")
        #expect(defaults.pluginDirectory == "/usr/local/lib/era/plugins")
    }

    @Test func `of others are below their XDG directories`() {
        let defaults = Defaults(
            userID: 1000,
            Environment(["XDG_CONFIG_HOME": "/c", "XDG_DATA_HOME": "/d", "XDG_RUNTIME_DIR": "/r"])
        )
        #expect(defaults.manifestsDirectory == "/c/era/manifests")
        #expect(defaults.dataDirectory == "/d/era")
        #expect(defaults.pluginDirectory == "/d/era/plugins")
        #expect(Defaults.socketPath(runDirectory: defaults.runDirectory) == "/r/era/era.sock")
    }

    @Test func `pass over what is empty or relative, as the XDG specification wants`() {
        let defaults = Defaults(
            userID: 1000,
            Environment(["HOME": "/users/u", "XDG_CONFIG_HOME": "", "XDG_DATA_HOME": "relative"])
        )
        #expect(defaults.configFile == "/users/u/.config/era/era.yaml")
        #expect(defaults.dataDirectory == "/users/u/.local/share/era")
        #expect(defaults.runDirectory == "/users/u/.local/share/era/run")
    }

    @Test(arguments: [
        (["TERM": "xterm"], true, true), (["NO_COLOR": "1"], true, false), (["NO_COLOR": ""], true, true),
        (["TERM": "dumb"], true, false), ([:], false, false), (["CLICOLOR_FORCE": "1"], false, true),
        (["CLICOLOR_FORCE": "1", "NO_COLOR": "1"], false, false),
    ])
    func `of colour follow the terminal and who looks at it`(
        _ variables: [String: String],
        _ isTerminal: Bool,
        _ expected: Bool
    ) {
        #expect(Terminal(isTerminal: isTerminal, Environment(variables)).usesColour == expected)
    }
}
