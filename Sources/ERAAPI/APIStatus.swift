public import ERACore

/// The answer of the API to what did not work, and to what worked and has nothing else to say.
///
/// Source: Kubernetes `metav1.Status`.
public struct APIStatus: Error, Hashable, Sendable, CustomStringConvertible {
    /// One of several reasons, with the field that it is about.
    public struct Cause: Hashable, Sendable {
        /// One CamelCase word: `FieldValueInvalid`, `FieldManagerConflict`.
        public var reason: String
        /// The field's path, `spec.ports[0].port`; nil where it is about no field.
        public var field: String?
        public var message: String

        public init(reason: String, field: String? = nil, message: String) {
            self.reason = reason
            self.field = field
            self.message = message
        }
    }

    /// The HTTP status.
    public var code: Int
    /// One CamelCase word that programs may compare: `NotFound`, `Conflict`, `Invalid`. Empty for a success.
    public var reason: String
    public var message: String
    public var causes: [Cause]
    /// Name of the object that the request was about.
    public var name: String?
    /// Its kind; the plural for `NotFound` and `Conflict`, as Kubernetes has it.
    public var kind: String?
    /// Group of the kind; nil for the core group and for errors about no kind.
    public var group: String?
    public var uid: String?
    /// When it may be worth trying again.
    public var retryAfterSeconds: Int?

    public init(
        code: Int,
        reason: String,
        message: String,
        causes: [Cause] = [],
        name: String? = nil,
        kind: String? = nil,
        group: String? = nil,
        uid: String? = nil,
        retryAfterSeconds: Int? = nil
    ) {
        self.code = code
        self.reason = reason
        self.message = message
        self.causes = causes
        self.name = name
        self.kind = kind
        self.group = group
        self.uid = uid
        self.retryAfterSeconds = retryAfterSeconds
    }

    public var isSuccess: Bool { (200..<300).contains(code) }
    public var description: String { message }

    /// The `Status` object.
    public var json: JSONValue {
        var object: [String: JSONValue] = [
            "kind": "Status", "apiVersion": "v1", "metadata": [:],
            "status": isSuccess ? "Success" : "Failure", "code": .integer(Int64(code)),
        ]
        if !message.isEmpty { object["message"] = .string(message) }
        if !reason.isEmpty { object["reason"] = .string(reason) }
        if let details { object["details"] = details }
        return .object(object)
    }

    private var details: JSONValue? {
        var details: [String: JSONValue] = [:]
        details["name"] = name.map { .string($0) }
        details["kind"] = kind.map { .string($0) }
        details["group"] = group.map { .string($0) }
        details["uid"] = uid.map { .string($0) }
        details["retryAfterSeconds"] = retryAfterSeconds.map { .integer(Int64($0)) }
        if !causes.isEmpty {
            details["causes"] = .array(
                causes.map { cause in
                    var object: [String: JSONValue] = [
                        "reason": .string(cause.reason), "message": .string(cause.message),
                    ]
                    object["field"] = cause.field.map { .string($0) }
                    return .object(object)
                }
            )
        }
        return details.isEmpty ? nil : .object(details)
    }

    /// - Throws: ``InvalidObject`` unless it is a `Status` object.
    public init(json: JSONValue) throws(InvalidObject) {
        guard json["kind"]?.string == "Status" else { throw InvalidObject("a Status object", json) }
        let succeeded = json["status"]?.string == "Success"
        code = json["code"]?.integer.flatMap { Int(exactly: $0) } ?? (succeeded ? 200 : 500)
        reason = json["reason"]?.string ?? ""
        message = json["message"]?.string ?? ""
        let details = json["details"]
        name = details?["name"]?.string
        kind = details?["kind"]?.string
        group = details?["group"]?.string
        uid = details?["uid"]?.string
        retryAfterSeconds = details?["retryAfterSeconds"]?.integer.flatMap { Int(exactly: $0) }
        causes = (details?["causes"]?.array ?? []).map {
            Cause(
                reason: $0["reason"]?.string ?? "",
                field: $0["field"]?.string,
                message: $0["message"]?.string ?? ""
            )
        }
    }
}

/// An answer that does not have the shape it ought to have.
public struct InvalidObject: Error, Equatable, Sendable, CustomStringConvertible {
    /// What was expected, as the end of "this is not …".
    public let expected: String
    /// The kind that was found; nil where there was none.
    public let foundKind: String?

    public init(_ expected: String, _ found: JSONValue) {
        self.expected = expected
        foundKind = found["kind"]?.string
    }

    public var description: String {
        "the answer is not \(expected)" + (foundKind.map { " but of kind \($0)" } ?? "")
    }
}
