import ArgumentParser
import ERAManifest

/// `era schema`
struct SchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema",
        abstract: "Print the JSON Schema of the manifest, for editors and other tools.",
        discussion: "JSON Schema 2020-12. Needs no daemon."
    )

    func run() { Console.output(ObjectText.json(ManifestSchema.jsonSchema())) }
}
