import ERACore
import Glibc
import Testing

/// docs/lifecycle.md holds the diagram that the fold obeys: `make docs` writes it, this test holds it.
@Test func `the lifecycle page in docs draws the machine's own table`() throws {
    let folder = #filePath.split(separator: "/").dropLast(4).map { "/" + $0 }.joined()
    let path = "\(folder)/docs/lifecycle.md"
    let page = """
        # Lifecycle

        The state machine of a deployment, drawn from the table that the code obeys (`era graph` prints it, and
        `era graph NAME` marks where a deployment stands). What each phase does stands in the doc comments of
        `LifecycleState` and `Step`; why a phase does not move, `era describe` says.

        ```mermaid
        \(Diagram().text(.mermaid))
        ```

        """
    if getenv("ERA_WRITE_DOCS") != nil {
        let file = try #require(fopen(path, "w"), "docs/lifecycle.md cannot be written")
        fputs(page, file)
        fclose(file)
    }
    let file = try #require(fopen(path, "r"), "docs/lifecycle.md is missing: make docs writes it")
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: page.utf8.count + 1)
    let count = fread(&bytes, 1, bytes.count, file)
    #expect(
        String(decoding: bytes.prefix(count), as: UTF8.self) == page,
        "the machine has changed: make docs writes the page anew"
    )
}
