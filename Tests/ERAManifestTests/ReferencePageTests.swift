import ERAManifest
import Glibc
import Testing

/// docs/manifest.md is made from the schema: `make docs` writes it, this test holds it.
@Test func `the reference page in docs says what the schema says`() throws {
    let folder = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()
    let path = "\(folder)/docs/manifest.md"
    let page = ManifestSchema.referencePage()
    if getenv("ERA_WRITE_DOCS") != nil {
        let file = try #require(fopen(path, "w"), "docs/manifest.md cannot be written")
        fputs(page, file)
        fclose(file)
    }
    let file = try #require(fopen(path, "r"), "docs/manifest.md is missing: make docs writes it")
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: page.utf8.count + 1)
    let count = fread(&bytes, 1, bytes.count, file)
    #expect(
        String(decoding: bytes.prefix(count), as: UTF8.self) == page,
        "the schema has changed: make docs writes the page anew"
    )
}
