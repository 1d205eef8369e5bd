import ERAContracts
import ERACore
import Glibc
import Testing

@testable import ERARuntime

/// What cannot be told is not taken for told: neither whose a number is, nor what a directory holds.
@Suite struct DoubtTests {
    @Test func `without descriptors a number that another process has now is not signalled`() async {
        await #expect(processExitsWith: .success) {
            let bystander = try await Bystander()
            defer { bystander.end() }
            var former = bystander.identity
            former.startTime += 1
            // The last descriptor is for the process; none is left to see who it is.
            let limit = Limit.files.lower(to: Descriptors.number(after: 1))
            let wasSignalled = former.signal(SIGKILL)
            let wasTakenForAlive = former.isAlive
            Limit.files.set(limit)
            #expect(!wasSignalled)
            #expect(wasTakenForAlive == false, "one descriptor is enough to look")
            try await Task.sleep(for: .milliseconds(100))
            #expect(bystander.identity.isAlive)
            #expect(bystander.identity.signal(SIGKILL), "the control: the right one is")
        }
    }

    @Test func `a directory that ends before its end is an error, not a short one`() throws {
        let directory = try #require(opendir("/proc"))
        defer { closedir(directory) }
        // What is read next is no directory any more.
        let other = open("/dev/null", O_RDONLY | O_CLOEXEC)
        try #require(dup2(other, dirfd(directory)) >= 0)
        close(other)
        #expect(throws: Failure.self) { try entryNames(of: directory, "/proc") }
        #expect(throws: Failure.self) { try allNamesInDirectory("/nonexistent") }
        #expect(try allNamesInDirectory("/proc/self").contains("stat"))
    }

    @Test func `an instance whose directory cannot be looked at is not taken for deleted`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            makeDirectories("\(host.dataDirectory)/instances")
            let id = try host.id()
            try await plugin.delete(id)
            // A link to itself.
            let place = "\(host.dataDirectory)/instances/default"
            try #require(symlink("default", place) == 0)
            await #expect(throws: Failure.self) { try await plugin.delete(id) }
            unlink(place)
            write("a file", to: place)
            try await plugin.delete(id)
        }
    }

    @Test func `the plugin and the workspace find the same instances`() async throws {
        try await ProcessHost.with { host in
            let root = "\(host.dataDirectory)/instances"
            for name in ["web/1", "web/10", "web/01", "web/+2", "web/-3", "web/0", "web/x", "No_Name/1"] {
                makeDirectories("\(root)/default/\(name)/shim")
            }
            for name in ["notes", "web/7"] { write("a file", to: "\(root)/default/\(name)") }
            write("a file", to: "\(root)/other")
            let workspace = LocalWorkspace(data: host.dataDirectory, secrets: host.root)
            let expected = [try host.id("web", 1), try host.id("web", 10)]
            #expect(try await workspace.instances() == expected)
            #expect(try await host.plugin().instances() == expected)
            makeDirectories("\(root)/default/web/11")
            #expect(try await host.plugin().instances() == expected, "one that was never installed")
        }
    }
}
