import ERACore
import ERAManifest
import FoundationEssentials
import Glibc
import Testing

/// The pages of docs/ that are made from code: `make docs` writes them, these tests hold them.
@Suite struct GeneratedPageTests {
    /// A page, as the code makes it.
    struct Page: CustomTestStringConvertible, Sendable {
        let path: String
        let text: String

        var testDescription: String { path }
    }

    /// What the schema says.
    static let manifest = Page(path: "docs/manifest.md", text: ManifestSchema.referencePage())

    /// The machine's own table.
    static let lifecycle = Page(
        path: "docs/lifecycle.md",
        text: """
            # Lifecycle

            The state machine of a deployment, drawn from the table that the code obeys (`era graph` prints it, and
            `era graph NAME` marks where a deployment stands). What each phase does stands in the doc comments of
            `LifecycleState` and `Step`; why a phase does not move, `era describe` says.

            ```mermaid
            \(Diagram().text(.mermaid))
            ```

            """
    )

    @Test(arguments: [manifest, lifecycle])
    func `a page that is made from code says what the code says`(page: Page) throws {
        let path = "\(Repository.root)/\(page.path)"
        if getenv("ERA_WRITE_DOCS") != nil {
            try page.text.write(toFile: path, atomically: true, encoding: .utf8)
        }
        let content = FileManager.default.contents(atPath: path)
        #expect(
            content.map { String(decoding: $0, as: UTF8.self) } == page.text,
            "the code has changed: make docs writes \(page.path) anew"
        )
    }
}
