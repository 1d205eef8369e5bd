import ERAAPI
import ERAContracts
import ERACore
import Testing

@Suite struct SelectorTests {
    static let labels = ["app": "web", "tier": "front", "era.dev/team": "a-b_c.d"]

    // Kubernetes, "Labels and selectors": equality-based, then set-based requirements.
    @Test(arguments: [
        ("", true), ("app=web", true), ("app==web", true), ("app=db", false), ("app!=db", true),
        ("app!=web", false), ("missing!=x", true), ("app=web,tier=front", true), ("app=web,tier=back", false),
        ("app in (web,db)", true), ("app in (db)", false), ("app notin (db)", true),
        ("app notin (web)", false),
        ("missing notin (x)", true), ("missing in (x)", false), ("app", true), ("missing", false),
        ("!missing", true), ("!app", false), (" app = web , tier in ( front , back ) ", true),
        ("era.dev/team=a-b_c.d", true), ("app=", false),
    ])
    func `a label selector chooses`(text: String, matches: Bool) throws {
        #expect(try LabelSelector(text).matches(Self.labels) == matches)
    }

    @Test(arguments: [
        "app=web,", ",", "=web", "app in web", "app in (web", "app in web)", "app(web)", "!", "app==we b",
        "app in ((web))", "app=web=db", "a b", "app\u{0}=x", "app in (a)b", "é=1",
        Array(repeating: "a=b", count: LabelSelector.requirementLimit + 1).joined(separator: ","),
    ])
    func `a label selector that means nothing is refused`(text: String) {
        #expect(throws: InvalidValue.self) { try LabelSelector(text) }
    }

    @Test(arguments: [
        ("", true), ("metadata.name=web", true), ("metadata.name==web", true), ("metadata.name!=web", false),
        ("metadata.name=other", false), ("metadata.namespace=default,status.phase=Running", true),
        ("status.phase!=Running", false), ("metadata.name=", false),
    ])
    func `a field selector chooses deployments`(text: String, matches: Bool) throws {
        let view = Samples.view(try Samples.running())
        let selector = try FieldSelector(text, fields: FieldSelector.deploymentFields)
        #expect(selector.matches(view) == matches)
    }

    @Test(arguments: [
        "spec.version=1", "metadata.name", "=web", "metadata.name=a=b", "metadata.name===a", "!=x",
        Array(repeating: "metadata.name=b", count: FieldSelector.requirementLimit + 1).joined(separator: ","),
    ])
    func `a field selector that means nothing is refused, and says what can be chosen by`(text: String) {
        let error = #expect(throws: InvalidValue.self) {
            try FieldSelector(text, fields: FieldSelector.deploymentFields)
        }
        #expect(error?.expected.contains("status.phase") == true)
    }

    @Test(arguments: [
        ("involvedObject.kind=Deployment,involvedObject.name=web", true), ("involvedObject.uid=u-1", true),
        ("involvedObject.name=db", false), ("type=Warning", false), ("reason=Started", true),
        ("involvedObject.apiVersion=era.dev/v1,involvedObject.namespace=default", true),
        ("metadata.name=web.ff", true),
    ])
    func `a field selector chooses events`(text: String, matches: Bool) throws {
        let event = StoredEvent(
            id: 255,
            notice: EventNotice(
                key: Samples.key,
                uid: "u-1",
                kind: .normal,
                reason: "Started",
                message: "started",
                at: Samples.start.wall
            ),
            count: 1,
            lastAt: Samples.start.wall,
            resourceVersion: ResourceVersion(3)
        )
        #expect(try FieldSelector(text, fields: FieldSelector.eventFields).matches(event) == matches)
    }
}
