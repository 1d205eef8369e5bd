import ArgumentParser
import ERAAPI
import ERAArtifact
import ERAClient
import ERAContracts
import ERACore
import ERAOCI

/// `era artifact pull`
struct PullArtifactCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pull",
        abstract: "Have the daemon fetch an image or a file into the store.",
        discussion: """
            SOURCE is oci://host/repository[:tag][@digest], or https://…@sha256:…, and is fetched as for a \
            deployment: with the daemon's logins, mirrors, limits and trust policy. A tag is asked of the \
            registry, although it may have a name in the store; afterwards it has.
            """
    )

    @Argument(
        help: ArgumentHelp("The address.", valueName: "source"),
        transform: { try PullSource($0) }
    )
    var source: PullSource

    @Option(
        help: ArgumentHelp("The secret with the login, in the namespace.", valueName: "name"),
        transform: { try PartName($0) }
    )
    var pullSecret: PartName?

    @OptionGroup var called: ArtifactNameOption
    @OptionGroup var namespace: NamespaceOption
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let request = ArtifactRequest(
            ArtifactSpec(source: source.location, digest: source.digest, pullSecret: pullSecret),
            in: namespace.chosen
        )
        let client = connection.client()
        let progress = ByteProgress("fetched")
        let news = try await progress.showing { () async throws -> ArtifactNews? in
            var last: ArtifactNews?
            for try await line in client.pull(request) {
                last = line
                if case .progress(let step) = line { progress.report(step) }
            }
            return last
        }
        guard case .stored(let digest, _, let path, let name, let resolved) = news else {
            throw CommandFailure("the daemon ended before the artifact was there; ask again when it runs")
        }
        let store = ArtifactStoreOptions.store(try Self.store(of: path))
        if let reference = source.reference {
            // What cannot be read is not of this version; then the digest is all there is.
            let top = resolved.flatMap { try? ImageReference($0) }?.digest ?? reference.digest ?? digest
            ArtifactTalk.tell(try await store.add(top, name: called.name ?? source.name))
        } else {
            ArtifactTalk.tell(try await store.add(file: digest, title: name, name: called.name))
        }
    }

    /// The directory of the store that has the blob: the daemon may have another one than the default.
    static func store(of path: String) throws -> String {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard path.hasPrefix("/"), parts.count > 4, parts[parts.count - 3] == "blobs" else {
            throw CommandFailure("the daemon has put it where no blob is: \(path); is it of this version?")
        }
        return parts.dropLast(3).joined(separator: "/")
    }
}

/// What can be pulled: an address with its digest, where one is needed.
struct PullSource: Sendable {
    let location: ArtifactLocation
    let digest: Digest?
    /// Nil for what is no registry's.
    let reference: ImageReference?

    /// - Throws: ``InvalidValue``.
    init(_ text: String) throws(InvalidValue) {
        if text.hasPrefix("oci://") {
            let reference = try ImageReference(text)
            self.reference = reference
            location = try ArtifactLocation(text)
            digest = nil
            return
        }
        let expected = "oci://host/repository:tag, or https://host/path@sha256:…"
        guard text.hasPrefix("https://") || text.hasPrefix("http://"), let at = text.lastIndex(of: "@") else {
            throw InvalidValue(text, expected: expected)
        }
        reference = nil
        location = try ArtifactLocation(text[..<at])
        digest = try Digest(text[text.index(after: at)...])
    }

    /// The name that it has anyway: where a tag was written, or meant.
    var name: ImageReference? {
        guard let reference, let tag = reference.tag else { return nil }
        // Made of what was just read.
        return try? ImageReference("\(reference.registry)/\(reference.repository):\(tag)")
    }
}
