import ArgumentParser
import CLinux
import ERAArtifact
import ERAConformance
import ERAContracts
import ERACore
import ERAManifest
import ERAOCI
import ERARuntime
import Glibc
import Logging

/// `era plugins test`
struct TestPluginCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Run the conformance suite against a plugin, without a daemon.",
        discussion: """
            What must hold of every runtime plugin: repeated, cut off and asked out of order, it ends up where \
            it should, and nothing is left. Works in a directory of its own and removes it. What each check \
            asks for: docs/plugins.md. Exit code 1 where a check failed.
            """
    )

    /// How the report is shown.
    enum Format: String, CaseIterable, ExpressibleByArgument {
        case text, json, junit
    }

    @Argument(
        help: ArgumentHelp("The executable, or the name of a built-in plugin.", valueName: "path"),
        completion: .file()
    )
    var path: String

    @Option(
        help: ArgumentHelp(
            "A manifest of one deployment to play with, instead of the suite's own.",
            valueName: "file"
        ),
        completion: .file(extensions: ["yaml", "yml", "json"])
    )
    var manifest: String?

    @Option(
        help: ArgumentHelp("Run only this check; may be repeated.", valueName: "id"),
        completion: .list(ConformanceSuite.checks.map(\.id))
    )
    var check: [String] = []

    @Option(name: [.short, .long], help: "How to show the report.")
    var output: Format = .text

    /// Where an image for the suite is.
    @OptionGroup var stored: ArtifactStoreOptions

    func validate() throws {
        let known = ConformanceSuite.checks.map(\.id)
        for id in check where !known.contains(id) {
            let hint = Nearest.word(to: id, among: known).map { "did you mean \($0)?" }
            throw ValidationError(
                "there is no check \(id); \(hint ?? "there are: \(known.joined(separator: ", "))")"
            )
        }
    }

    func run() async throws {
        umask(0o077)
        let given = try manifest.map { try Self.deployment(in: $0) }
        var template = Array("\(Self.temporaryDirectory)/era-plugins-test.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil, let resolved = realpath(template, nil) else {
            throw CommandFailure(
                "cannot make a directory in \(Self.temporaryDirectory); set TMPDIR to another one"
            )
        }
        let root = String(cString: resolved)
        free(resolved)
        defer { Self.remove(root) }
        let subject = try await subject(root, given)
        let report = await ConformanceSuite(subject).run(only: check.isEmpty ? nil : Set(check)) { entry in
            if output == .text, case .passed = entry.result { Console.note(".") }
        }
        if output == .text { Console.noteLine("") }
        switch output {
        case .text: Console.line(report.text)
        case .json: Console.output(ObjectText.json(report.json))
        case .junit: Console.line(report.junit)
        }
        if !report.isPassed { throw CommandFailure.told() }
    }

    private func subject(_ root: String, _ given: Deployment?) async throws -> ConformanceSuite.Subject {
        let data = try Composition.directory("\(root)/data")
        let run = try Composition.directory("\(root)/run")
        let host = try HostFacts(Environment.current())
        let logger = Logger(label: "era") { _ in SwiftLogNoOpLogHandler() }
        let artifact: StoredArtifact? =
            if let spec = given?.spec.artifact { try await artifact(spec) } else { nil }
        if !path.contains("/"), let name = PluginName(rawValue: path), Composition.pluginNames.contains(name)
        {
            return ConformanceSuite.Subject(
                name: path,
                dataDirectory: data,
                spec: given?.spec,
                artifact: artifact
            ) {
                let shims = ShimHost(
                    ShimHost.Options(
                        dataDirectory: data,
                        runDirectory: run,
                        shimPath: host.shimPath,
                        searchPath: host.searchPath,
                        bootID: host.bootID,
                        unpacker: Composition.externalOptions(data: data, host, logger).unpacker,
                        logger: logger
                    )
                )
                let plugins = Composition.builtInPlugins(shims)
                guard let plugin = plugins.first(where: { $0.description.name == name }) else {
                    throw CommandFailure("the plugin \(name) cannot work on this host; see: era doctor")
                }
                return plugin
            }
        }
        let executable = Composition.absolute(path)
        guard access(executable, F_OK) == 0 else {
            let names = Composition.pluginNames.map(\.rawValue).joined(separator: ", ")
            throw CommandFailure(
                "there is no \(path): name an executable era-plugin-NAME, or a built-in plugin (\(names))"
            )
        }
        let options = Composition.externalOptions(data: data, host, logger)
        return ConformanceSuite.Subject(
            name: path,
            dataDirectory: data,
            spec: given?.spec,
            artifact: artifact
        ) {
            try await ExternalPlugin(path: executable, options)
        }
    }

    private static func deployment(in path: String) throws -> Deployment {
        let files = try ManifestFiles([path])
        let errors = files.diagnostics.filter { $0.severity == .error }
        guard errors.isEmpty else {
            for error in errors { Console.noteLine(error.rendered) }
            throw CommandFailure.told()
        }
        guard files.entries.count == 1, let entry = files.entries.first else {
            throw CommandFailure("\(path) has \(files.entries.count) deployments; the suite plays with one")
        }
        return entry.deployment
    }

    /// Taken as it is: what the suite is about is not how an artifact is fetched.
    private func artifact(_ spec: ArtifactSpec) async throws -> StoredArtifact {
        guard spec.source.scheme != .oci else { return try await image(spec) }
        guard spec.source.scheme == .file, let digest = spec.digest else {
            throw CommandFailure(
                "the suite fetches nothing: give an artifact with a file:/// source and its digest, or one with an "
                    + "oci:// source that era artifact import has brought into the store"
            )
        }
        let path = String(spec.source.url.dropFirst("file://".count))
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw CommandFailure("cannot read the artifact \(path): \(String(cString: strerror(errno)))")
        }
        return StoredArtifact(
            digest: digest,
            size: ByteCount(Int64(status.st_size)),
            path: path,
            name: path.split(separator: "/").last.map(String.init) ?? "artifact"
        )
    }

    /// What was brought into the store; no registry is asked.
    private func image(_ spec: ArtifactSpec) async throws -> StoredArtifact {
        let store = try stored.present()
        let reference: ImageReference
        do throws(InvalidValue) {
            reference = try ImageReference(spec.source.url)
        } catch {
            throw CommandFailure("the artifact's source is wrong: \(error)")
        }
        do {
            _ = try store.find(reference.digest?.description ?? reference.description)
        } catch let failure as Failure {
            throw CommandFailure(
                "\(failure.message); the suite fetches nothing: era artifact import FILE --as \(reference)"
            )
        }
        let fetcher = StoreFetcher(store: store)
        do {
            let artifact = try await fetcher.fetch(spec, in: .default, known: nil) { _ in }
            await fetcher.shutdown()
            return artifact
        } catch {
            await fetcher.shutdown()
            throw error
        }
    }

    private static var temporaryDirectory: String {
        Environment.current()["TMPDIR"].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? "/tmp"
    }

    private static func remove(_ root: String) {
        let slash = root.lastIndex(of: "/") ?? root.startIndex
        let parent = era_open_at(AT_FDCWD, String(root[..<slash]), O_RDONLY | O_DIRECTORY, 0)
        guard parent >= 0 else { return }
        defer { close(parent) }
        if era_remove_tree(parent, String(root[root.index(after: slash)...]), nil, 0) != 0 {
            Console.noteLine("left behind: \(root)")
        }
    }
}
