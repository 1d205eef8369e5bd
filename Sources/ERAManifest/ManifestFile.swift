public import ERACore

/// A manifest file: the deployments that it declares, and everything that is wrong with it.
public struct ManifestFile: Sendable {
    /// A deployment and where it stands.
    public struct Entry: Sendable {
        public var deployment: Deployment
        /// Of the document's first value.
        public var position: SourcePosition
        /// As written, without defaults.
        public var declared: JSONValue
    }

    /// The documents without errors, in their order. A deployment that is declared twice is not among them.
    public private(set) var entries: [Entry] = []
    /// In the order of the text, at most ``ManifestLimits/diagnosticLimit`` and one that says that there are
    /// more.
    public private(set) var diagnostics: [Diagnostic] = []
    /// The deployments of all documents whose name could be read, also of those with errors: so a broken
    /// document is not taken for a deletion.
    public private(set) var keysSeen: [DeploymentKey] = []
    /// Whether there may be deployments that are not in `keysSeen`, because their names could not be read.
    public private(set) var mayHideKeys = false

    public var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }

    /// Reads a file whole; what is wrong with it is in `diagnostics`.
    /// - Parameter bytes: UTF-8, at most ``ManifestLimits/fileSizeLimit``.
    /// - Parameter file: What diagnostics call it; a name that ends in `.json` is read as JSON, any other as
    ///   YAML.
    /// - Parameter checks: What else is checked of what stands there.
    public init(reading bytes: [UInt8], file: String, checks: ManifestChecks = .none) {
        guard bytes.count <= ManifestLimits.fileSizeLimit else {
            let message =
                "the file has \(bytes.count) bytes, of at most \(ManifestLimits.fileSizeLimit); split it"
            diagnostics = [Diagnostic(file: file, message: message)]
            mayHideKeys = true
            return
        }
        let text = SourceText(bytes)
        let flaws = text.flaws(limit: ManifestLimits.diagnosticLimit)
        guard flaws.isEmpty else {
            var cursor = SourceCursor(text)
            diagnostics = flaws.map { flaw in
                let position = cursor.advance(toOffset: flaw.offset)
                let (line, caret) = cursor.excerpt()
                return Diagnostic(
                    file: file,
                    position: position,
                    message: flaw.message,
                    sourceLine: line,
                    caretOffset: caret
                )
            }
            mayHideKeys = true
            return
        }
        let isJSON = file.hasSuffix(".json")
        let documents = isJSON ? Self.document(ofJSON: text) : YAMLDocument.all(in: text)
        read(documents, of: text, file: file, checks)
    }

    private static func document(ofJSON text: SourceText) -> [YAMLDocument] {
        do throws(JSONSyntaxError) {
            let root = try JSONReader.read(
                text.bytes,
                refusingDuplicates: false,
                depthLimit: ManifestLimits.depthLimit,
                nodeLimit: ManifestLimits.nodeLimit
            )
            return [YAMLDocument(root: root)]
        } catch {
            return [YAMLDocument(problem: YAMLProblem(position: error.position, message: error.message))]
        }
    }

    private mutating func read(
        _ documents: [YAMLDocument],
        of text: SourceText,
        file: String,
        _ checks: ManifestChecks
    ) {
        var findings: [LocatedFinding] = []
        var errorCount = 0
        var candidates: [(key: DeploymentKey, entry: Entry?, position: SourcePosition)] = []
        for document in documents {
            mayHideKeys = mayHideKeys || document.isLastRead
            if let problem = document.problem {
                findings.append(LocatedFinding(problem))
                errorCount += 1
            }
            guard let root = document.root, !root.isNull || document.problem != nil else {
                mayHideKeys = mayHideKeys || document.problem != nil
                continue
            }
            let key = Self.key(of: root)
            var entry: Entry?
            // A document that broke off lacks fields for no fault of its own.
            if document.problem == nil {
                var reading = Reading(
                    unknownFields: .refuse,
                    warnsOfServerFields: true,
                    findingLimit: max(0, ManifestLimits.diagnosticLimit - findings.count),
                    checks: checks
                )
                entry = Self.entry(of: root, &reading)
                findings += reading.findings.map(LocatedFinding.init)
                errorCount += reading.errorCount
            }
            if let key { candidates.append((key, entry, root.position)) } else { mayHideKeys = true }
        }
        for (key, twins) in Dictionary(grouping: candidates, by: \.key) where twins.count > 1 {
            for twin in twins.dropFirst() {
                findings.append(LocatedFinding(declaredTwice: key, twin.position, first: twins[0].position))
                errorCount += 1
            }
        }
        let keys = candidates.map(\.key)
        keysSeen = Set(keys).sorted()
        entries = candidates.compactMap { candidate in
            keys.count { $0 == candidate.key } == 1 ? candidate.entry : nil
        }
        diagnostics = LocatedFinding.diagnostics(findings, of: text, file: file, errorCount: errorCount)
    }

    /// The deployment of a document; nil after noting why there is none.
    private static func entry(of root: YAMLNode, _ reading: inout Reading) -> Entry? {
        if let message = foreignKind(root) {
            let node =
                root["apiVersion"]?.string == ManifestSchema.apiVersion ? root["kind"] : root["apiVersion"]
            let name = node == root["kind"] ? "kind" : "apiVersion"
            reading.at(.field(name)) { $0.refuse(node?.position ?? root.position, .invalid, message) }
            return nil
        }
        checkStructure(root, &reading)
        let deployment = DeploymentFields.deployment.read(root, &reading)
        guard let deployment, reading.errorCount == 0 else { return nil }
        return Entry(deployment: deployment, position: root.position, declared: root.json)
    }

    /// Says so when the document is another kind of object: its fields are then not worth a look.
    private static func foreignKind(_ root: YAMLNode) -> String? {
        guard let version = root["apiVersion"]?.string, let kind = root["kind"]?.string else { return nil }
        guard version != ManifestSchema.apiVersion || kind != ManifestSchema.kind else { return nil }
        return "this is a \(quoted(kind)) of \(quoted(version)); ERA reads \(quoted(ManifestSchema.kind)) of "
            + quoted(ManifestSchema.apiVersion)
    }

    private static func key(of root: YAMLNode) -> DeploymentKey? {
        let metadata = root["metadata"]
        let namespace =
            metadata?["namespace"].map { $0.string.flatMap(NamespaceName.init(rawValue:)) } ?? .default
        guard let name = metadata?["name"]?.string.flatMap(DeploymentName.init(rawValue:)), let namespace
        else {
            return nil
        }
        return DeploymentKey(namespace: namespace, name: name)
    }
}
