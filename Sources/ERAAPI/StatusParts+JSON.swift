internal import ERAContracts
public import ERACore

// Both directions of each part stand together, so that neither changes without the other.

extension JSONValue {
    /// The number as an `Int`; nil for anything else.
    var int: Int? { integer.flatMap { Int(exactly: $0) } }
    /// The moment that an RFC 3339 text names; nil for anything else.
    var time: WallTime? { string.flatMap { try? WallTime(rfc3339: $0) } }  // what cannot be read is left out
    /// The members of an object that are strings.
    var strings: [String: String]? { object?.compactMapValues(\.string) }

    /// An object of the members that are there: neither nil nor null, as
    /// a `nil` in a condition may be either.
    static func members(_ members: KeyValuePairs<String, JSONValue?>) -> JSONValue {
        var object: [String: JSONValue] = [:]
        for case (let name, let value?) in members where value != .null { object[name] = value }
        return .object(object)
    }

    static func text(_ text: String?) -> JSONValue? { text.map { .string($0) } }
    static func time(_ time: WallTime?) -> JSONValue? { time.map { .string($0.rfc3339) } }
    static func int(_ value: (some BinaryInteger)?) -> JSONValue? { value.map { .integer(Int64($0)) } }
}

extension WaitText {
    public var apiObject: JSONValue {
        .members(["reason": .text(reason), "message": .text(message), "until": .time(until)])
    }

    public init?(apiObject: JSONValue) {
        guard let reason = apiObject["reason"]?.string else { return nil }
        self.init(
            reason: reason,
            message: apiObject["message"]?.string ?? "",
            until: apiObject["until"]?.time
        )
    }
}

extension InstanceText {
    public var apiObject: JSONValue {
        .members([
            "state": .text(state), "pid": .int(pid), "startedAt": .time(startedAt),
            "exit": exit?.apiObject,
            "restrictions": restrictions.isEmpty ? nil : .array(restrictions.map { .string($0) }),
        ])
    }

    public init?(apiObject: JSONValue) {
        guard let state = apiObject["state"]?.string else { return nil }
        self.init(
            state: state,
            pid: apiObject["pid"]?.integer.flatMap { Int32(exactly: $0) },
            startedAt: apiObject["startedAt"]?.time,
            exit: apiObject["exit"].flatMap(ExitStatus.init(apiObject:)),
            restrictions: apiObject["restrictions"]?.array?.compactMap(\.string) ?? []
        )
    }
}

extension ExitStatus {
    /// `{"code": 1}`, `{"signal": 9}`, or `{}` where nobody saw it.
    public var apiObject: JSONValue {
        switch self {
        case .code(let code): ["code": .integer(Int64(code))]
        case .signal(let signal): ["signal": .integer(Int64(signal))]
        case .unknown: [:]
        }
    }

    public init?(apiObject: JSONValue) {
        guard apiObject.object != nil else { return nil }
        if let code = apiObject["code"]?.integer.flatMap({ Int32(exactly: $0) }) {
            self = .code(code)
        } else if let signal = apiObject["signal"]?.integer.flatMap({ Int32(exactly: $0) }) {
            self = .signal(signal)
        } else {
            self = .unknown
        }
    }
}

extension ProgressText {
    init(_ progress: StepProgress) {
        self.init(done: progress.done, total: progress.total, isQueued: progress.isQueued)
    }

    public var apiObject: JSONValue {
        .members([
            "doneBytes": .int(done.bytes),
            "totalBytes": .int(total?.bytes),
            "queued": isQueued ? .boolean(true) : nil,
        ])
    }

    public init?(apiObject: JSONValue) {
        guard let done = apiObject["doneBytes"]?.integer else { return nil }
        self.init(
            done: ByteCount(done),
            total: apiObject["totalBytes"]?.integer.map(ByteCount.init(_:)),
            isQueued: apiObject["queued"]?.boolean ?? false
        )
    }
}

extension FailureText {
    public init(_ failure: Failure, at: WallTime? = nil) {
        self.init(
            reason: failure.code.rawValue,
            message: failure.message,
            isTransient: failure.persistence == .transient,
            at: at
        )
    }

    public var apiObject: JSONValue {
        .members([
            "reason": .text(reason), "message": .text(message), "transient": .boolean(isTransient),
            "time": .time(at),
        ])
    }

    public init?(apiObject: JSONValue) {
        guard let reason = apiObject["reason"]?.string else { return nil }
        self.init(
            reason: reason,
            message: apiObject["message"]?.string ?? "",
            isTransient: apiObject["transient"]?.boolean ?? false,
            at: apiObject["time"]?.time
        )
    }
}

extension RevisionText {
    public var apiObject: JSONValue {
        .members([
            "revision": .int(number), "version": .text(version), "templateHash": .text(templateHash),
            "verdict": .text(verdict.rawValue), "failure": failure?.apiObject,
            "artifact": .text(artifact), "signedBy": .text(signedBy),
            "createdAt": .time(createdAt),
            "decidedAt": .time(decidedAt),
            "firstRunningAt": .time(firstRunningAt),
        ])
    }

    public init?(apiObject: JSONValue) {
        guard let number = apiObject["revision"]?.int else { return nil }
        self.init(
            number: number,
            version: apiObject["version"]?.string ?? "",
            templateHash: apiObject["templateHash"]?.string ?? "",
            verdict: apiObject["verdict"]?.string.flatMap(Verdict.init(rawValue:)) ?? .pending,
            failure: apiObject["failure"].flatMap(FailureText.init(apiObject:)),
            artifact: apiObject["artifact"]?.string,
            signedBy: apiObject["signedBy"]?.string,
            createdAt: apiObject["createdAt"]?.time,
            decidedAt: apiObject["decidedAt"]?.time,
            firstRunningAt: apiObject["firstRunningAt"]?.time
        )
    }
}

extension Condition {
    public var apiObject: JSONValue {
        .members([
            "type": .text(kind.rawValue), "status": .text(isTrue ? "True" : "False"),
            "reason": .text(reason), "message": .text(message),
            "observedGeneration": .int(observedGeneration),
            "lastTransitionTime": .time(lastTransitionAt),
        ])
    }

    public init?(apiObject: JSONValue) {
        guard let kind = apiObject["type"]?.string.flatMap(Kind.init(rawValue:)) else { return nil }
        self.init(
            kind: kind,
            isTrue: apiObject["status"]?.string == "True",
            reason: apiObject["reason"]?.string ?? "",
            message: apiObject["message"]?.string ?? "",
            observedGeneration: apiObject["observedGeneration"]?.int ?? 0,
            lastTransitionAt: apiObject["lastTransitionTime"]?.time ?? WallTime(sinceEpoch: .zero)
        )
    }
}
