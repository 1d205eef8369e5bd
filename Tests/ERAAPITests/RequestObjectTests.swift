import ERAAPI
import ERAContracts
import ERACore
import Testing

@Suite struct RequestObjectTests {
    static let body: JSONValue = [
        "metadata": ["name": "web"],
        "spec": ["version": "1.0.0", "runtime": ["plugin": "process"], "command": ["bin/web"]],
    ]

    static func read(
        _ body: JSONValue,
        name: String? = nil,
        uid: String? = nil,
        validation: RequestObject.Validation = .strict
    ) throws(APIStatus) -> RequestObject {
        try RequestObject(body, namespace: .default, name: name, uid: uid, validation: validation)
    }

    @Test func `neither apiVersion nor kind nor namespace need be there`() throws {
        let object = try Self.read(Self.body)
        #expect(object.deployment.key == Samples.key)
        #expect(object.expecting == nil)
        #expect(object.warnings.isEmpty)
    }

    @Test func `an object that was read can be written back`() throws {
        let shown = Samples.view(try Samples.running()).object(at: Samples.start)
        let object = try Self.read(shown.json, name: "web", uid: "b7b1a2f0-uid")
        #expect(object.deployment == (try Samples.deployment()))
        #expect(object.expecting == ResourceVersion(7))
    }

    @Test(
        arguments: [
            (["apiVersion": "apps/v1"], 400), (["kind": "Pod"], 400),
            (["metadata": ["namespace": "other"]], 400),
            (["metadata": ["name": "db"]], 400), (["metadata": ["uid": "another"]], 409),
            (["metadata": ["resourceVersion": "x"]], 400), (["metadata": ["resourceVersion": "-1"]], 400),
        ] as [(JSONValue, Int)]
    )
    func `another object than the address names is refused`(change: JSONValue, code: Int) {
        let error = #expect(throws: APIStatus.self) {
            try Self.read(Self.body.merging(change), name: "web", uid: "this")
        }
        #expect(error?.code == code)
    }

    @Test(arguments: [.null, "text", 5, [], true] as [JSONValue])
    func `what is no object is refused`(body: JSONValue) {
        let error = #expect(throws: APIStatus.self) { try Self.read(body, name: "web") }
        #expect(error?.code == 400)
    }

    @Test func `an unknown field is an error, a warning or nothing, as was asked for`() throws {
        let body = Self.body.merging(["spec": ["colour": "red"]])
        let error = #expect(throws: APIStatus.self) { try Self.read(body) }
        #expect(error?.code == 400)
        #expect(error?.message == "strict decoding error: unknown field \"spec.colour\"")
        #expect(try Self.read(body, validation: .warn).warnings == ["unknown field \"spec.colour\""])
        #expect(try Self.read(body, validation: .ignore).warnings.isEmpty)
    }

    @Test func `all rules that an object breaks are causes`() throws {
        let body = Self.body.merging(["spec": ["version": "one", "suspend": "perhaps"]])
        let error = try #require(#expect(throws: APIStatus.self) { try Self.read(body) })
        #expect(error.code == 422)
        #expect(error.reason == "Invalid")
        #expect(Set(error.causes.compactMap(\.field)) == ["spec.version", "spec.suspend"])
        #expect(error.causes.allSatisfy { $0.reason == "FieldValueInvalid" })
        #expect(error.message.hasPrefix("Deployment.era.dev \"web\" is invalid: ["))
    }

    @Test func `an object without a name is refused`() {
        let error = #expect(throws: APIStatus.self) {
            try Self.read(Self.body.merging(["metadata": ["name": nil]]))
        }
        #expect(error?.code == 422)
    }
}
