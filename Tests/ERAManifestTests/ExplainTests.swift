import ERACore
import ERAManifest
import Testing

@Suite struct ExplainTests {
    @Test func `a field is explained with type, default and description`() throws {
        let port = try #require(ManifestSchema.explain("spec.ports[0].port"))
        #expect(port.path == "spec.ports.port" && port.type == "integer" && port.isRequired)
        #expect(port.text(recursive: false).contains("FIELD:    spec.ports.port <integer> -required-"))
        #expect(port.text(recursive: false).contains("Takes 1 to 65535."))
        let grace = try #require(ManifestSchema.explain("deployment.spec.stop.grace"))
        #expect(grace.defaultText == "\"10s\"")
    }

    @Test func `an object lists its fields, and theirs when asked`() throws {
        let health = try #require(ManifestSchema.explain("spec.health"))
        #expect(health.fields.map(\.name) == ["startup", "liveness", "readiness", "minReadySeconds"])
        #expect(!health.text(recursive: false).contains("httpHeaders"))
        #expect(health.text(recursive: true).contains("\n        httpHeaders  <list of objects>"))
        for line in health.text(recursive: false).split(separator: "\n") { #expect(line.count <= 80) }
    }

    @Test func `the whole manifest is explained by the empty path or its kind`() {
        #expect(
            ManifestSchema.explain("")?.fields.map(\.name) == [
                "apiVersion", "kind", "metadata", "spec", "status",
            ]
        )
        #expect(ManifestSchema.explain("Deployment") == ManifestSchema.explain(""))
    }

    @Test func `a path that does not exist has no explanation but perhaps a neighbour`() {
        #expect(ManifestSchema.explain("spec.prots.name") == nil)
        #expect(ManifestSchema.nearestPath(to: "spec.prots.nmae") == "spec.ports.name")
        #expect(ManifestSchema.nearestPath(to: "zzz") == nil)
        #expect(ManifestSchema.explain("spec.version.x") == nil)
    }

    @Test func `every field is documented, and has a row in the reference`() throws {
        let page = ManifestSchema.referencePage()
        func check(_ field: Explanation) {
            for part in field.fields {
                #expect(part.doc.count > 10 && part.doc.hasSuffix("."), "\(part.path)")
                #expect(page.contains("`\(part.name)`"), "\(part.path)")
                check(part)
            }
        }
        check(try #require(ManifestSchema.explain("")))
        #expect(page.contains("## `spec.health.startup.httpGet`"))
        #expect(page.contains("| **`port`** | integer |  | Number of the port. Takes 1 to 65535. |"))
        let tableWidths = Set(
            page.split(separator: "\n").filter { $0.hasPrefix("| ") }.map { row in
                row.split(separator: "|", omittingEmptySubsequences: false).count
                    - row.split(separator: "\\|", omittingEmptySubsequences: false).count
            }
        )
        #expect(tableWidths == [5])
    }
}
