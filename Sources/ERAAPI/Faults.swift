import ERACore
public import ERAContracts

extension APIStatus {
    /// What the API answers to a fault of the engine.
    public init(_ fault: ControlFault) {
        switch fault {
        case .notFound(let key, let why):
            self = .notFound(key.name.rawValue)
            if let why {
                message += ": \(why)"
                causes = [Cause(reason: APIStatus.sourceProblem, field: "", message: why)]
            }
        case .conflict(let key):
            self = .conflict(
                key.name.rawValue,
                "the object has been modified; please apply your changes to the latest version and try again"
            )
        case .ownedElsewhere(let key, let origin):
            self = .conflict(key.name.rawValue, "it is declared in \(origin); change it there")
            causes = [Cause(reason: "FieldManagerConflict", field: ".spec", message: origin.description)]
        case .invalid(let key, let problems): self = .invalid(key.name.rawValue, problems)
        case .refused(let key, let why):
            self.init(
                code: 409,
                reason: "Refused",
                message: "cannot do that with deployment \(key): \(why)",
                name: key.name.rawValue,
                kind: APIGroup.plural,
                group: APIGroup.name
            )
        case .degraded(let why):
            self = .unavailable("nothing can be changed now: \(why)")
        }
    }

    /// The reason of the cause that says why what a source mentions is not there.
    public static let sourceProblem = "SourceProblem"

    /// There is no such deployment.
    public static func notFound(_ name: String) -> APIStatus {
        APIStatus(
            code: 404,
            reason: "NotFound",
            message: "\(APIGroup.plural).\(APIGroup.name) \"\(name)\" not found",
            name: name,
            kind: APIGroup.plural,
            group: APIGroup.name
        )
    }

    /// There is nothing at the address.
    public static let noSuchResource = APIStatus(
        code: 404,
        reason: "NotFound",
        message: "the server could not find the requested resource"
    )

    /// A deployment of this name is there, and was to be created.
    public static func alreadyExists(_ name: String) -> APIStatus {
        APIStatus(
            code: 409,
            reason: "AlreadyExists",
            message: "\(APIGroup.plural).\(APIGroup.name) \"\(name)\" already exists",
            name: name,
            kind: APIGroup.plural,
            group: APIGroup.name
        )
    }

    /// The object is not as the request took it to be, or belongs to somebody else.
    public static func conflict(_ name: String, _ why: String) -> APIStatus {
        APIStatus(
            code: 409,
            reason: "Conflict",
            message:
                "Operation cannot be fulfilled on \(APIGroup.plural).\(APIGroup.name) \"\(name)\": \(why)",
            name: name,
            kind: APIGroup.plural,
            group: APIGroup.name
        )
    }

    /// The object breaks rules: each of them with its field.
    public static func invalid(_ name: String, _ problems: [SpecProblem]) -> APIStatus {
        let texts = problems.map { "\($0.field): Invalid value: \($0.message)" }
        let list = texts.count == 1 ? texts[0] : "[\(texts.joined(separator: ", "))]"
        return APIStatus(
            code: 422,
            reason: "Invalid",
            message: "\(APIGroup.kind).\(APIGroup.name) \"\(name)\" is invalid: \(list)",
            causes: problems.map {
                Cause(reason: "FieldValueInvalid", field: $0.field, message: "Invalid value: \($0.message)")
            },
            name: name,
            kind: APIGroup.kind,
            group: APIGroup.name
        )
    }

    /// The request cannot be understood; the message says where it goes wrong.
    public static func badRequest(_ message: String) -> APIStatus {
        APIStatus(code: 400, reason: "BadRequest", message: message)
    }

    /// The version asked for is no longer kept: list again.
    public static func expired(_ asked: ResourceVersion, current: ResourceVersion) -> APIStatus {
        APIStatus(code: 410, reason: "Expired", message: "too old resource version: \(asked) (\(current))")
    }

    /// The version asked for is still to come. A client that asks again may find it.
    public static func tooLargeVersion(_ asked: ResourceVersion, current: ResourceVersion) -> APIStatus {
        APIStatus(
            code: 504,
            reason: "Timeout",
            message: "Too large resource version: \(asked), current: \(current)",
            causes: [Cause(reason: "ResourceVersionTooLarge", message: "Too large resource version")],
            retryAfterSeconds: 1
        )
    }

    /// The body is in a form that is not read here, and in which others it may come.
    public static func unsupportedMediaType(_ found: String, supported: [String]) -> APIStatus {
        APIStatus(
            code: 415,
            reason: "UnsupportedMediaType",
            message:
                "the body of the request was in an unknown format (\(found)) - accepted media types include: "
                + supported.joined(separator: ", ")
        )
    }

    /// The address is there, but does not do this.
    public static func methodNotAllowed(_ method: String) -> APIStatus {
        APIStatus(
            code: 405,
            reason: "MethodNotAllowed",
            message: "the server does not allow the method \(method) on the requested resource"
        )
    }

    /// The body is larger than the server reads.
    /// - Parameter limit: What it reads at most, in bytes.
    public static func tooLarge(limit: Int) -> APIStatus {
        APIStatus(
            code: 413,
            reason: "RequestEntityTooLarge",
            message: "the body of the request is larger than \(limit) bytes"
        )
    }

    /// A bound of the server is reached; a client may ask again after a second.
    public static func tooManyRequests(_ why: String) -> APIStatus {
        APIStatus(code: 429, reason: "TooManyRequests", message: why, retryAfterSeconds: 1)
    }

    /// The peer may not do this.
    public static func forbidden(_ why: String) -> APIStatus {
        APIStatus(code: 403, reason: "Forbidden", message: why)
    }

    /// The daemon cannot do this for now; a client may ask again after five seconds.
    public static func unavailable(_ why: String) -> APIStatus {
        APIStatus(code: 503, reason: "ServiceUnavailable", message: why, retryAfterSeconds: 5)
    }

    /// The daemon failed in a way that the request is not to blame for.
    public static func internalError(_ why: String) -> APIStatus {
        APIStatus(code: 500, reason: "InternalError", message: "Internal error occurred: \(why)")
    }
}
