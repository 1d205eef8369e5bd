import ERAContracts
import ERACore
import Glibc
import Testing

@testable import ERARuntime

/// Where a plugin may lie. reliability.md: "absolute path in a root-owned directory, no writable ancestor, no
/// symlink".
@Suite struct PluginPlaceTests {
    private func refusal(_ scratch: PluginScratch, in directory: String? = nil) -> String? {
        do throws(PluginRefusal) {
            _ = try PluginFile("era-plugin-stub", in: directory ?? scratch.plugins)
            return nil
        } catch {
            return error.description
        }
    }

    @Test func `a plugin in a safe place is accepted, also below a sticky directory`() async throws {
        try await PluginScratch.with { scratch in
            scratch.write([:])
            #expect(refusal(scratch) == nil)
            chmod(scratch.root, 0o1777)
            #expect(refusal(scratch) == nil)
        }
    }

    // Each row: what is made of the plugin, of its directory or of the one above, and what is said.
    @Test(arguments: [
        ("plugins/era-plugin-stub", 0o775, "may be written by others"),
        ("plugins/era-plugin-stub", 0o757, "may be written by others"),
        ("plugins/era-plugin-stub", 0o644, "may not be executed"),
        ("plugins/era-plugin-stub", 0o4755, "set-uid"),
        ("plugins/era-plugin-stub", 0o2755, "set-uid or set-gid"),
        ("plugins", 0o775, "may be written by others"),
        ("plugins", 0o1777, "may be written by others"),
        ("", 0o777, "may be written by others"),
        ("", 0o770, "may be written by others"),
    ])
    func `who else can write is a reason to refuse it`(_ path: String, _ mode: Int, _ words: String)
        async throws
    {
        try await PluginScratch.with { scratch in
            scratch.write([:])
            chmod("\(scratch.root)/\(path)", mode_t(mode))
            #expect(refusal(scratch)?.contains(words) == true, "\(refusal(scratch) ?? "accepted")")
            chmod("\(scratch.root)/\(path)", 0o755)
            #expect(refusal(scratch) == nil)
        }
    }

    @Test(.enabled(if: geteuid() == 0)) func `what belongs to somebody else is refused`() async throws {
        try await PluginScratch.with { scratch in
            let path = scratch.write([:])
            for place in [path, scratch.plugins, scratch.root] {
                chown(place, 12_345, 12_345)
                #expect(refusal(scratch)?.contains("belongs to user 12345") == true)
                chown(place, 0, 0)
            }
            #expect(refusal(scratch) == nil)
        }
    }

    @Test func `a link is refused, a directory that is reached by one is not`() async throws {
        try await PluginScratch.with { scratch in
            scratch.write([:], name: "real")
            symlink("era-plugin-real", scratch.plugins + "/era-plugin-stub")
            #expect(refusal(scratch)?.contains("is a symbolic link") == true)
            unlink(scratch.plugins + "/era-plugin-stub")
            scratch.write([:])
            symlink(scratch.plugins, scratch.root + "/other")
            #expect(refusal(scratch, in: scratch.root + "/other") == nil)
            // What the link leads to is what counts.
            chmod(scratch.plugins, 0o777)
            #expect(refusal(scratch, in: scratch.root + "/other") != nil)
        }
    }

    @Test func `a directory or a pipe is no plugin, and waits for nobody`() async throws {
        try await PluginScratch.with { scratch in
            mkdir(scratch.plugins + "/era-plugin-stub", 0o755)
            #expect(refusal(scratch)?.contains("is not a regular file") == true)
            rmdir(scratch.plugins + "/era-plugin-stub")
            mkfifo(scratch.plugins + "/era-plugin-stub", 0o755)
            #expect(refusal(scratch)?.contains("is not a regular file") == true)
        }
    }

    @Test func `what was replaced or opened up since it was found is not run`() async throws {
        try await PluginScratch.with { scratch in
            let script = ["status": #"echo '{\#(PluginScratch.apiVersion),"state":"absent"}'"#]
            let plugin = try await scratch.plugin(script)
            let id = try scratch.instance().id
            #expect(try await plugin.status(id) == .absent)
            scratch.write(script)
            await #expect { try await plugin.status(id) } throws: { error in
                (error as? Failure)?.code == .pluginMissing && (error as? Failure)?.persistence == .transient
            }
            chmod(scratch.plugins, 0o777)
            await #expect { try await plugin.status(id) } throws: { error in
                (error as? Failure)?.message.contains("may be written by others") == true
            }
        }
    }
}
