import ERAAPI
import ERAContracts
import ERACore
import Testing

@Suite struct APIStatusTests {
    static let origin = Origin(source: "directory:/etc/era/manifests", path: "web.yaml")

    @Test(
        arguments: [
            (.notFound(Samples.key), 404, "NotFound"), (.conflict(Samples.key), 409, "Conflict"),
            (.ownedElsewhere(Samples.key, origin), 409, "Conflict"),
            (.invalid(Samples.key, [SpecProblem(field: "spec.version", message: "no")]), 422, "Invalid"),
            (.refused(Samples.key, "nothing to roll back to"), 409, "Refused"),
            (.degraded("no space left"), 503, "ServiceUnavailable"),
        ] as [(ControlFault, Int, String)]
    )
    func `each fault of the engine has its answer, which is read back whole`(
        fault: ControlFault,
        code: Int,
        reason: String
    ) throws {
        let status = APIStatus(fault)
        #expect(status.code == code)
        #expect(status.reason == reason)
        #expect(status.json["status"] == "Failure")
        #expect(try APIStatus(json: status.json) == status)
    }

    @Test func `not found is worded as kubectl expects it`() {
        let status = APIStatus(.notFound(Samples.key))
        #expect(status.message == "deployments.era.dev \"web\" not found")
        #expect(status.json["details"] == ["name": "web", "group": "era.dev", "kind": "deployments"])
    }

    @Test func `an invalid object has the shape of the specification`() {
        let status = APIStatus(
            .invalid(Samples.key, [SpecProblem(field: "spec.version", message: "\"x\" is bad")])
        )
        #expect(
            status.json == [
                "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Failure", "code": 422,
                "reason": "Invalid",
                "message": "Deployment.era.dev \"web\" is invalid: spec.version: Invalid value: \"x\" is bad",
                "details": [
                    "name": "web", "group": "era.dev", "kind": "Deployment",
                    "causes": [
                        [
                            "reason": "FieldValueInvalid", "field": "spec.version",
                            "message": "Invalid value: \"x\" is bad",
                        ]
                    ],
                ],
            ]
        )
    }

    @Test func `what is declared elsewhere names the place to change it`() {
        #expect(
            APIStatus(.ownedElsewhere(Samples.key, Self.origin)).message.contains(
                "it is declared in directory:/etc/era/manifests/web.yaml; change it there"
            )
        )
    }

    @Test func `an old version is answered as the specification has it`() {
        let status = APIStatus.expired(ResourceVersion(1), current: ResourceVersion(192))
        #expect(status.code == 410)
        #expect(status.reason == "Expired")
        #expect(status.message == "too old resource version: 1 (192)")
    }

    @Test(arguments: [[:], "x", ["kind": "Pod"], .null] as [JSONValue])
    func `another object is no status`(json: JSONValue) {
        #expect(throws: InvalidObject.self) { try APIStatus(json: json) }
    }
}
