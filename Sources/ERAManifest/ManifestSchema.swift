public import ERACore

/// What there is to know about manifests without having one.
public enum ManifestSchema {
    /// The version of the format.
    public static let apiVersion = "era.dev/v1"
    /// The only kind of object.
    public static let kind = "Deployment"

    /// The schema; everything else in this module comes from it.
    static var root: SchemaType { DeploymentFields.deployment.type }

    private static let doc =
        "A deployment: one application on this machine, driven to what is declared here and kept there."

    /// A JSON Schema (2020-12) of one manifest document.
    ///
    /// It accepts every manifest that ERA accepts. What it cannot express, and ERA refuses all the same,
    /// concerns several fields at once (a probe's port name), bytes instead of characters, or the size of
    /// numbers in texts.
    public static func jsonSchema() -> JSONValue {
        var schema = SchemaDialect.jsonSchema.schema(of: root)
        schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
        schema["$id"] = "https://era.dev/schemas/v1/deployment.json"
        schema["title"] = "ERA deployment"
        schema["description"] = .string(doc)
        return .object(schema)
    }

    /// The schema object of a deployment for an OpenAPI 3.0 document, in the form of Kubernetes' structural
    /// schemas.
    public static func openAPISchema() -> JSONValue {
        var schema = SchemaDialect.openAPI.schema(of: root)
        schema["description"] = .string(doc)
        schema["x-kubernetes-group-version-kind"] = [
            ["group": "era.dev", "version": "v1", "kind": .string(kind)]
        ]
        return .object(schema)
    }

    /// What there is to know about a field.
    ///
    /// - Parameter path: `spec.ports.port`, with or without indices (`spec.ports[0].port`) and the kind
    ///   before it; empty for the whole manifest.
    /// - Returns: Nil where there is no such field.
    public static func explain(_ path: String) -> Explanation? {
        var explanation = Explanation(
            FieldSchema(name: "", doc: doc, type: root, isRequired: true),
            path: ""
        )
        for name in names(in: path) {
            guard let part = explanation.fields.first(where: { $0.name == name }) else { return nil }
            explanation = part
        }
        return explanation
    }

    /// The path of a field that `path` most likely should be; nil when none is near.
    public static func nearestPath(to path: String) -> String? {
        var (explanation, found) = (explain(""), [String]())
        for name in names(in: path) {
            let parts = explanation?.fields ?? []
            guard let near = suggestion(for: name, among: parts.map(\.name)) else { return nil }
            explanation = parts.first { $0.name == near }
            found.append(near)
        }
        return found.isEmpty ? nil : found.joined(separator: ".")
    }

    /// The reference of the manifest as a Markdown page.
    public static func referencePage() -> String {
        explain("").map(ReferencePage.text(of:)) ?? ""
    }

    /// The fields that a path goes through, without indices and without the kind.
    private static func names(in path: String) -> [String] {
        let names = path.split(separator: ".").map { part in
            String(part.prefix { $0 != "[" })
        }
        let isPrefixed = names.first.map { [kind, kind.lowercased(), "deployments"].contains($0) } ?? false
        return isPrefixed ? Array(names.dropFirst()) : names
    }
}
