public import ERACore
public import ERAContracts

/// A deployment out of the body of a request, checked as far as that needs no engine.
public struct RequestObject: Equatable, Sendable {
    /// What to do about fields that nobody knows (Kubernetes' `fieldValidation`).
    public enum Validation: String, Hashable, Sendable, CaseIterable {
        case strict = "Strict"
        case warn = "Warn"
        case ignore = "Ignore"
    }

    public var deployment: Deployment
    /// The version that the object was read at; nil where the body names none.
    public var expecting: ResourceVersion?
    /// Texts for `Warning` headers.
    public var warnings: [String]

    /// Reads the object that a body holds.
    ///
    /// What only the server sets (status, managed fields, and so on) is passed over, so
    /// that what was read can be written back. Neither `apiVersion` nor `kind` need be
    /// there; where they are, they must be right.
    /// - Parameter namespace: Of the address; the body must name the same or none.
    /// - Parameter name: Of the address; nil for a create.
    /// - Parameter uid: Of the present object; a body that names another one is about another object.
    /// - Throws: ``APIStatus``: 400 for another object than the address names and for unknown fields under
    ///   ``Validation/strict``, 409 for another uid, 422 with all causes for an object that breaks rules.
    public init(
        _ body: JSONValue,
        namespace: NamespaceName,
        name: String?,
        uid: String? = nil,
        validation: Validation
    ) throws(APIStatus) {
        guard case .object(var members) = body else { throw .badRequest("the body is not an object") }
        let metadata = body["metadata"]
        try Self.check(body, "apiVersion", APIGroup.apiVersion)
        try Self.check(body, "kind", APIGroup.kind)
        if let named = metadata?["namespace"]?.string, named != namespace.rawValue {
            throw .badRequest(
                "the namespace of the provided object does not match the namespace sent on the request "
                    + "(\(named) is not \(namespace))"
            )
        }
        if let name, let named = metadata?["name"]?.string, named != name {
            throw .badRequest(
                "the name of the object (\(named)) does not match the name on the URL (\(name))"
            )
        }
        guard let name = name ?? metadata?["name"]?.string else {
            throw .invalid("", [SpecProblem(field: "metadata.name", message: "the object needs a name")])
        }
        if let uid, let given = metadata?["uid"]?.string, given != uid {
            throw .conflict(
                name,
                "Precondition failed: UID in precondition: \(given), UID in object meta: \(uid)"
            )
        }
        expecting = try Self.version(metadata?["resourceVersion"])

        members["apiVersion"] = .string(APIGroup.apiVersion)
        members["kind"] = .string(APIGroup.kind)
        members["status"] = nil
        members["metadata"] = Self.declared(metadata, name, namespace)
        let read = ManifestBridge.read(.object(members))
        if !read.unknownFields.isEmpty, validation == .strict {
            throw .badRequest(
                "strict decoding error: "
                    + read.unknownFields.map { "unknown field \"\($0)\"" }.joined(separator: ", ")
            )
        }
        guard let deployment = read.deployment, read.problems.isEmpty else {
            throw .invalid(name, read.problems)
        }
        self.deployment = deployment
        warnings = validation == .warn ? read.unknownFields.map { "unknown field \"\($0)\"" } : []
    }

    private static func check(_ body: JSONValue, _ field: String, _ expected: String) throws(APIStatus) {
        guard let found = body[field], found != .string(expected) else { return }
        throw .badRequest("\(field) \"\(found.string ?? "")\" is not \(expected)")
    }

    /// What of the metadata a manifest may hold.
    private static func declared(_ metadata: JSONValue?, _ name: String, _ namespace: NamespaceName)
        -> JSONValue
    {
        let serverFields: Set<String> = [
            "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "finalizers",
            "generation",
            "managedFields", "ownerReferences", "resourceVersion", "selfLink", "uid",
        ]
        var members = (metadata?.object ?? [:]).filter { !serverFields.contains($0.key) }
        members["name"] = .string(name)
        members["namespace"] = .string(namespace.rawValue)
        // Kubernetes' clients write null for "none".
        if members["labels"] == .null { members["labels"] = nil }
        if members["annotations"] == .null { members["annotations"] = nil }
        return .object(members)
    }

    /// - Throws: 400 unless it is absent, empty, `0` or a number.
    private static func version(_ value: JSONValue?) throws(APIStatus) -> ResourceVersion? {
        guard let text = value?.string, !text.isEmpty, text != "0" else { return nil }
        return try ResourceVersion(query: text)
    }
}

extension ResourceVersion {
    /// - Throws: ``APIStatus`` 400 unless the text is a whole number that is not negative.
    public init(query text: String) throws(APIStatus) {
        guard let number = Int64(text), number >= 0, !text.hasPrefix("+") else {
            throw .badRequest(
                "Invalid value: \"\(text)\": a resourceVersion is a number that the server gave"
            )
        }
        self.init(number)
    }
}
