import ERAAPI
import ERAContracts
import ERACore
import HTTPTypes
import HummingbirdCore

extension Responder {
    /// How often a merge patch is tried while others change the same deployment.
    static let mergeAttemptLimit = 5

    func get(_ key: DeploymentKey, _ call: Call) async throws -> Response {
        let view = try await present(key)
        let now = now()
        return try deployment(view.object(at: now), call, now: now)
    }

    func list(_ choice: Choice, _ call: Call) async throws -> Response {
        let list = await controlPlane.list()
        if let asked = try call.address.text("resourceVersion").map(ResourceVersion.init(query:)) {
            guard asked <= list.resourceVersion else {
                throw APIStatus.tooLargeVersion(asked, current: list.resourceVersion)
            }
            if call.address.text("resourceVersionMatch") == "Exact", asked != list.resourceVersion {
                throw APIStatus.expired(asked, current: list.resourceVersion)
            }
        }
        let now = now()
        let objects = list.views.filter(choice.includes).map { $0.object(at: now, specs: specs) }
        let version = list.resourceVersion.description
        guard let inclusion = try tableInclusion(call) else {
            return Self.json(.list("DeploymentList", objects.map(\.json), resourceVersion: version))
        }
        return Self.json(
            DeploymentTable.json(objects, resourceVersion: version, including: inclusion, now: now.wall)
        )
    }

    /// `POST`: declares what must not be there yet.
    func create(in namespace: NamespaceName, _ call: Call) async throws -> Response {
        let body = try await body(of: call, types: Self.objectTypes).value
        let object = try RequestObject(
            body,
            namespace: namespace,
            name: nil,
            validation: try validation(call)
        )
        if await controlPlane.view(object.deployment.key) != nil {
            throw APIStatus.alreadyExists(object.deployment.metadata.name.rawValue)
        }
        return try await apply(object, expecting: nil, call)
    }

    /// `PUT`: declares anew what was read before.
    func replace(_ key: DeploymentKey, _ call: Call) async throws -> Response {
        let body = try await body(of: call, types: Self.objectTypes).value
        let view = try await present(key)
        let object = try RequestObject(
            body,
            namespace: key.namespace,
            name: key.name.rawValue,
            uid: view.record.uid,
            validation: try validation(call)
        )
        guard let expecting = object.expecting else {
            throw APIStatus.invalid(
                key.name.rawValue,
                [SpecProblem(field: "metadata.resourceVersion", message: "must be specified for an update")]
            )
        }
        return try await apply(object, expecting: expecting, call)
    }

    /// `PATCH`: a merge patch upon what is there, or a whole declaration (server-side apply).
    ///
    /// Apply is that of a single manager: what the body does not name goes back to its default. Fields are
    /// not tracked by manager; what a file declares belongs to that file as a whole.
    func patch(_ key: DeploymentKey, _ call: Call) async throws -> Response {
        let (body, type) = try await body(of: call, types: Self.patchTypes)
        if type == "application/apply-patch+yaml" {
            guard call.address.text("fieldManager") != nil else {
                throw APIStatus.invalid(
                    key.name.rawValue,
                    [SpecProblem(field: "fieldManager", message: "is required for apply patch")]
                )
            }
            let object = try object(body, key, await controlPlane.view(key), call)
            return try await apply(object, expecting: object.expecting, call)
        }
        return try await merge(body, into: key, call)
    }

    /// A merge patch that names no version applies to whatever is there: where that changes meanwhile, again.
    private func merge(_ patch: JSONValue, into key: DeploymentKey, _ call: Call) async throws -> Response {
        for _ in 1..<Self.mergeAttemptLimit {
            do {
                return try await mergeOnce(patch, into: key, call)
            } catch ControlFault.conflict(key) where patch["metadata"]?["resourceVersion"] == nil {
                continue
            }
        }
        return try await mergeOnce(patch, into: key, call)
    }

    private func mergeOnce(_ patch: JSONValue, into key: DeploymentKey, _ call: Call) async throws -> Response
    {
        let view = try await present(key)
        // The version that the object carries is the one read here, unless the patch names another.
        let patched = try object(view.object(at: now()).json.merging(patch), key, view, call)
        return try await apply(patched, expecting: patched.expecting, call)
    }

    func delete(_ key: DeploymentKey, _ call: Call) async throws -> Response {
        let deleteOptions = try await optionalBody(of: call)
        let view = try await present(key)
        let preconditions = deleteOptions?["preconditions"]
        if let uid = preconditions?["uid"]?.string, uid != view.record.uid {
            throw APIStatus.conflict(
                key.name.rawValue,
                "Precondition failed: UID in precondition: \(uid), UID in object meta: \(view.record.uid)"
            )
        }
        if let version = preconditions?["resourceVersion"]?.string,
            version != view.resourceVersion.description
        {
            throw ControlFault.conflict(key)
        }
        let isDry = deleteOptions?["dryRun"]?.array?.contains("All") ?? false
        let deleted = try await controlPlane.delete(key, dryRun: try isDry || call.address.isDryRun())
        return Self.json(deleted.object(at: now()).json)
    }

    func request(_ verb: Route.Verb, for key: DeploymentKey, _ call: Call) async throws -> Response {
        let body = try await optionalBody(of: call)
        let intent: Intent
        switch verb {
        case .retry: intent = .retry
        case .accept: intent = .accept
        case .restart: intent = .restart
        case .suspend: intent = .suspend
        case .resume: intent = .resume
        case .rollback:
            switch body?["revision"] {
            case nil, .null: intent = .rollback(to: nil)
            case .integer(let number) where number > 0 && number <= Int32.max:
                intent = .rollback(to: RevisionNumber(Int(number)))
            default: throw APIStatus.badRequest("revision is not the number of a revision, such as 3")
            }
        }
        return Self.json(try await controlPlane.request(intent, for: key).object(at: now()).json)
    }

    // MARK: -

    func present(_ key: DeploymentKey) async throws -> DeploymentView {
        if let view = await controlPlane.view(key) { return view }
        throw ControlFault.notFound(key, because: await controlPlane.problem(of: key))
    }

    private func object(
        _ body: JSONValue,
        _ key: DeploymentKey,
        _ view: DeploymentView?,
        _ call: Call
    ) throws -> RequestObject {
        try RequestObject(
            body,
            namespace: key.namespace,
            name: key.name.rawValue,
            uid: view?.record.uid,
            validation: try validation(call)
        )
    }

    private func apply(
        _ object: RequestObject,
        expecting: ResourceVersion?,
        _ call: Call
    ) async throws -> Response {
        let applied = try await controlPlane.apply(
            object.deployment,
            expecting: expecting,
            dryRun: try call.address.isDryRun()
        )
        let effect: AppliedObject.Effect =
            switch applied.effect {
            case .created: .created
            case .configured: .configured
            case .unchanged: .unchanged
            }
        var headers = HTTPFields()
        if let name = HTTPField.Name(APIGroup.effectHeader) { headers[name] = effect.rawValue }
        if let name = HTTPField.Name("Warning") {
            for warning in object.warnings {
                headers.append(HTTPField(name: name, value: "299 - \"\(Self.quotable(warning))\""))
            }
        }
        return Self.json(
            applied.view.object(at: now()).json,
            effect == .created ? .created : .ok,
            headers
        )
    }

    /// The text as it may stand between the quotes of a header (RFC 9110
    /// section 5.6.4), cut to 200 characters.
    private static func quotable(_ text: String) -> String {
        String(
            text.prefix(200).map { character in
                character.isASCII && character.asciiValue.map { (0x20...0x7E).contains($0) } ?? false
                    && character != "\\" ? (character == "\"" ? "'" : character) : "?"
            }
        )
    }

    private func validation(_ call: Call) throws -> RequestObject.Validation {
        guard let text = call.address.text("fieldValidation") else { return .warn }
        guard let validation = RequestObject.Validation(rawValue: text) else {
            throw APIStatus.badRequest("fieldValidation=\(text) is none of Strict, Warn, Ignore")
        }
        return validation
    }

    private func deployment(_ object: DeploymentObject, _ call: Call, now: Timestamp) throws -> Response {
        guard let inclusion = try tableInclusion(call) else { return Self.json(object.json) }
        return Self.json(
            DeploymentTable.json(
                [object],
                resourceVersion: object.resourceVersion,
                including: inclusion,
                now: now.wall
            )
        )
    }

    /// What a table's rows are to hold; nil where no table is asked for.
    func tableInclusion(_ call: Call) throws -> DeploymentTable.Inclusion? {
        // Accept lists alternatives in the order of preference, and who asks for a table asks for it first.
        let first = call.header(.accept)?.split(separator: ",").first ?? ""
        let parameters = first.split(separator: ";").map { $0.filter { !$0.isWhitespace } }
        guard parameters.contains("as=Table"), parameters.contains("g=meta.k8s.io") else { return nil }
        guard let text = call.address.text("includeObject") else { return .metadata }
        guard let inclusion = DeploymentTable.Inclusion(rawValue: text) else {
            throw APIStatus.badRequest("includeObject=\(text) is none of None, Metadata, Object")
        }
        return inclusion
    }
}
