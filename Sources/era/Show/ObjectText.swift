import ERAAPI
import ERACore
import ERAManifest

/// Objects as text for programs, each with a line end after it.
enum ObjectText {
    static func json(_ value: JSONValue) -> String {
        let text = value.text(pretty: true)
        return text.hasSuffix("\n") ? text : text + "\n"
    }

    static func yaml(_ value: JSONValue) -> String {
        let text = value.yamlText
        return text.hasSuffix("\n") ? text : text + "\n"
    }

    /// `namespace/name`: what every command takes as a name.
    static func name(_ object: DeploymentObject) -> String { "\(object.key)\n" }

    /// One object for one name that was asked for, else a list.
    static func document(_ objects: [DeploymentObject], asked count: Int) -> JSONValue {
        count == 1 && objects.count == 1 ? objects[0].json : list(objects)
    }

    /// A list object, as the API gives several objects.
    static func list(_ objects: [DeploymentObject]) -> JSONValue {
        .list("DeploymentList", objects.map(\.json))
    }
}
