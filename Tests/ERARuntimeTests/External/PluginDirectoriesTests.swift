import ERAContracts
import ERACore
import Glibc
import Testing

@testable import ERARuntime

/// Plugins that come, change and go.
@Suite struct PluginDirectoriesTests {
    private func version(_ directories: PluginDirectories, _ name: String = "stub") -> String {
        switch directories.find(PluginName(checked: name)) {
        case .usable(let plugin): "\(plugin.description.version)"
        case .unusable(let why): why
        }
    }

    @Test func `a plugin is found, replaced, lost and found again`() async throws {
        try await PluginScratch.with { scratch in
            let directories = PluginDirectories([scratch.plugins], builtIn: [.process], scratch.options)
            await directories.refresh()
            #expect(
                version(directories)
                    == "is not there; put era-plugin-stub into \(scratch.plugins); there are: process"
            )
            let path = scratch.write([:], version: "1.0.0")
            await directories.refresh()
            #expect(version(directories) == "1.0.0")
            scratch.write([:], version: "2.0.0")
            await directories.refresh()
            #expect(version(directories) == "2.0.0")
            #expect(directories.plugins().map(\.description.name.rawValue) == ["stub"])
            unlink(path)
            await directories.refresh()
            #expect(version(directories).hasPrefix("is not there"))
            scratch.write([:], version: "3.0.0")
            await directories.refresh()
            #expect(version(directories) == "3.0.0")
            #expect(scratch.lines.all.contains { $0.hasPrefix("plugin gone") })
        }
    }

    @Test func `a plugin that has not changed is not asked again`() async throws {
        try await PluginScratch.with { scratch in
            let directories = PluginDirectories([scratch.plugins], builtIn: [], scratch.options)
            let answer = PluginScratch.description("stub")
            scratch.write(["describe": "echo >>\(scratch.root)/count; echo '\(answer)'"])
            for _ in 0..<3 { await directories.refresh() }
            #expect(text(of: scratch.root + "/count") == "\n")
        }
    }

    @Test func `why a plugin cannot be used is said, and mended when it is`() async throws {
        try await PluginScratch.with { scratch in
            let directories = PluginDirectories([scratch.plugins], builtIn: [.process], scratch.options)
            let path = scratch.write([:])
            chmod(path, 0o777)
            await directories.refresh()
            #expect(version(directories).contains("era-plugin-stub may be written by others"))
            let refused = try #require(directories.refused().first)
            #expect(refused.name.rawValue == "stub" && refused.path == path)
            #expect(refused.reason.hasPrefix("may be written by others"))
            chmod(path, 0o755)
            await directories.refresh()
            #expect(version(directories) == "1.0.0" && directories.refused().isEmpty)
            scratch.write(["describe": "echo broken >&2; exit 1"])
            await directories.refresh()
            #expect(
                version(directories).contains("cannot describe itself: era-plugin-stub describe failed")
            )
            #expect(version(directories).contains("broken") && directories.plugins().isEmpty)
            scratch.write([:], name: "process")
            await directories.refresh()
            #expect(version(directories, "process").contains("has the name of a built-in plugin"))
            #expect(directories.refused().map(\.name.rawValue) == ["process", "stub"])
            #expect(directories.refused().last?.path == path)
        }
    }

    @Test func `a name other than the file's, and a schema that nobody checks, are refused`() async throws {
        try await PluginScratch.with { scratch in
            let directories = PluginDirectories([scratch.plugins], builtIn: [], scratch.options)
            scratch.write(["describe": "echo '\(PluginScratch.description("other"))'"])
            await directories.refresh()
            #expect(version(directories).contains("name is other, and the file is era-plugin-stub"))
            let schema =
                #"{\#(PluginScratch.apiVersion),"name":"stub","version":"1.0.0","configSchema":"#
                + #"{"type":"object","properties":{"a":{"format":"uri"}}}}"#
            scratch.write(["describe": "echo '\(schema)'"])
            await directories.refresh()
            #expect(
                version(directories).contains(
                    "configSchema.properties.a.format is a keyword that ERA does"
                )
            )
        }
    }

    @Test func `the first directory that has a name wins`() async throws {
        try await PluginScratch.with { scratch in
            let other = scratch.root + "/other"
            makeDirectories(other)
            let directories = PluginDirectories([scratch.plugins, other], builtIn: [], scratch.options)
            scratch.write([:], version: "2.0.0", in: other)
            await directories.refresh()
            #expect(version(directories) == "2.0.0")
            scratch.write([:], version: "1.0.0")
            await directories.refresh()
            #expect(version(directories) == "1.0.0")
        }
    }

    @Test func `one plugin that hangs does not keep the others from being found`() async throws {
        try await PluginScratch.with { scratch in
            var options = scratch.options
            options.timeouts.describe = .seconds(3)
            let directories = PluginDirectories([scratch.plugins], builtIn: [], options)
            scratch.write(["describe": "sleep 1000"], name: "hangs")
            scratch.write([:])
            await directories.refresh()
            #expect(version(directories) == "1.0.0")
            #expect(version(directories, "hangs").contains("took longer than 3s"))
        }
    }

    @Test func `what changes is told to who follows, and so is a workload that ends`() async throws {
        try await PluginScratch.with { scratch in
            let directories = PluginDirectories([scratch.plugins], builtIn: [], scratch.options)
            let workload = scratch.root + "/workload"
            scratch.write([
                "status":
                    #"echo "{\#(PluginScratch.apiVersion.replacingQuotes),\"state\":\"running\",\"pid\":$(cat \#(workload))}""#
            ])
            var changes = directories.changes().makeAsyncIterator()
            let looks = Task { await directories.run() }
            #expect(await changes.next() == .plugins)
            guard case .usable(let plugin) = directories.find(PluginName(checked: "stub")) else {
                Issue.record("not found")
                return
            }
            var pid: pid_t = 0
            var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sleep"), strdup("3000"), nil]
            defer { for argument in arguments { free(argument) } }
            #expect(posix_spawnp(&pid, "sleep", nil, nil, &arguments, nil) == 0)
            write("\(pid)", to: workload)
            let id = try scratch.instance().id
            guard case .running(let running) = try await plugin.status(id) else {
                Issue.record("does not run")
                return
            }
            #expect(running.pid == pid && running.startedAt > Uptime(sinceBoot: .zero))
            kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
            #expect(await changes.next() == .instance(id))
            looks.cancel()
            await looks.value
        }
    }
}

extension String {
    /// For a text in double quotes of a shell.
    fileprivate var replacingQuotes: String {
        split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\\\"")
    }
}
