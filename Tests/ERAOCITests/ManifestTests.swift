import ERACore
import ERAOCI
import Testing

@Suite struct ManifestTests {
    @Test(arguments: [MediaType.imageManifest, .dockerManifest])
    func `an image manifest is read, with the names of OCI and of Docker`(_ type: MediaType) throws {
        let document = try ManifestDocument(
            bytes(manifest(#""mediaType":"\#(type)","annotations":{"a":"b"},"#)),
            contentType: type
        )
        guard case .manifest(let manifest) = document else {
            Issue.record("not a manifest")
            return
        }
        #expect(manifest.config.digest == digest("c"))
        #expect(manifest.layers.map(\.digest) == [digest("1"), digest("2")])
        #expect(manifest.layers[0].size == ByteCount(10))
        #expect(manifest.annotations == ["a": "b"])
        #expect(try manifest.content() == .image)
        #expect(document.references.map(\.digest) == [digest("c"), digest("1"), digest("2")])
    }

    @Test func `a manifest that says no media type is known by its form`() throws {
        guard case .manifest = try ManifestDocument(bytes(manifest(""))) else {
            Issue.record("not a manifest")
            return
        }
        guard case .index = try ManifestDocument(bytes(#"{"schemaVersion":2,"manifests":[]}"#)) else {
            Issue.record("not an index")
            return
        }
    }

    /// Each of these is a contradiction that two readers may resolve in two ways.
    @Test(arguments: [
        // Content-Type and mediaType differ.
        (
            #"{"schemaVersion":2,"mediaType":"\#(MediaType.imageIndex)","manifests":[]}"#,
            MediaType.imageManifest
        ),
        (manifest(#""mediaType":"\#(MediaType.dockerManifest)","#), .imageManifest),
        // Both halves (CVE-2021-41190).
        (manifest(#""manifests":[],"#), nil),
        (#"{"schemaVersion":2,"manifests":[],"config":{}}"#, nil),
        // Called one and shaped as the other.
        (#"{"schemaVersion":2,"manifests":[]}"#, .imageManifest),
        (manifest(""), .imageIndex),
    ])
    func `a manifest that says two things is refused`(_ text: String, _ type: MediaType?) {
        #expect {
            try ManifestDocument(bytes(text), contentType: type)
        } throws: {
            if case .contradiction = $0 as? OCIError { true } else { false }
        }
    }

    @Test func `an index that names a manifest otherwise than it is, is refused`() {
        let named = ContentDescriptor(mediaType: .dockerManifest, digest: digest("a"), size: ByteCount(1))
        #expect(throws: OCIError.self) {
            try ManifestDocument(
                bytes(manifest(#""mediaType":"\#(MediaType.imageManifest)","#)),
                descriptor: named
            )
        }
    }

    @Test(arguments: [
        "", "{", "[]", "null", "<html></html>", #"{"schemaVersion":2}"#,
        #"{"schemaVersion":1,"fsLayers":[]}"#,
        #"{"schemaVersion":3,"manifests":[]}"#, #"{"schemaVersion":"2","manifests":[]}"#,
        #"{"schemaVersion":2,"manifests":{}}"#, #"{"schemaVersion":2,"manifests":[1]}"#,
        #"{"schemaVersion":2,"manifests":[],"manifests":[]}"#,
        #"{"schemaVersion":2,"mediaType":"text/html","manifests":[]}"#,
        manifest("").replacing("sha256:", with: "sha1:"), manifest("").replacing(":10,", with: ":-1,"),
        manifest("").replacing(":10,", with: ":1e999,"), manifest(#""annotations":{"a":1},"#),
        manifest(#""annotations":{"a":"\u0000"},"#), manifest(#""subject":{},"#),
    ])
    func `what is no manifest is refused`(_ text: String) {
        #expect(throws: OCIError.self) { try ManifestDocument(bytes(text)) }
    }

    @Test func `a manifest of Docker's first schema is refused by its name`() throws {
        let type = try #require(
            MediaType(rawValue: "application/vnd.docker.distribution.manifest.v1+prettyjws")
        )
        #expect {
            try ManifestDocument(bytes(#"{"schemaVersion":1}"#), contentType: type)
        } throws: {
            "\($0)".contains("schema 1")
        }
    }

    @Test(arguments: [
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    ])
    func `a foreign layer is refused`(_ type: String) {
        let text = manifest("").replacing("application/vnd.oci.image.layer.v1.tar+gzip", with: type)
        #expect {
            try ManifestDocument(bytes(text))
        } throws: {
            if case .unsupported(let text) = $0 as? OCIError { text.contains("foreign") } else { false }
        }
    }

    @Test func `each limit holds, and what is at the limit is taken`() throws {
        #expect(throws: OCIError.self) {
            try ManifestDocument([UInt8](repeating: 0x20, count: OCILimits.manifestSizeLimit + 1))
        }
        func layers(_ count: Int) -> String {
            manifest("", layers: Array(repeating: layer("1"), count: count).joined(separator: ","))
        }
        _ = try ManifestDocument(bytes(layers(OCILimits.layerLimit)))
        #expect(throws: OCIError.self) { try ManifestDocument(bytes(layers(OCILimits.layerLimit + 1))) }
        func index(_ count: Int) -> String {
            #"{"schemaVersion":2,"manifests":[\#(Array(repeating: layer("1"), count: count).joined(separator: ","))]}"#
        }
        _ = try ManifestDocument(bytes(index(OCILimits.entryLimit)))
        #expect(throws: OCIError.self) { try ManifestDocument(bytes(index(OCILimits.entryLimit + 1))) }
        func annotated(_ count: Int) -> String {
            manifest(#""annotations":{"a":"\#(String(repeating: "b", count: count - 1))"},"#)
        }
        _ = try ManifestDocument(bytes(annotated(OCILimits.annotationSizeLimit)))
        #expect(throws: OCIError.self) {
            try ManifestDocument(bytes(annotated(OCILimits.annotationSizeLimit + 1)))
        }
        // Three million empty lists in 4 MiB would be hundreds of MiB of values.
        let many = Array(repeating: "[]", count: OCILimits.nodeLimit).joined(separator: ",")
        #expect(throws: OCIError.self) { try ManifestDocument(bytes(manifest(#""x":[\#(many)],"#))) }
        let deep = String(repeating: "[", count: 100_000)
        #expect(throws: OCIError.self) { try ManifestDocument(bytes(manifest(#""x":\#(deep),"#))) }
    }

    @Test func `a manifest that is cut anywhere is refused`() {
        let whole = bytes(manifest(""))
        for count in 0..<whole.count {
            #expect(throws: OCIError.self) { try ManifestDocument(Array(whole[..<count])) }
        }
    }

    // MARK: What it describes

    @Test(arguments: ["application/wasm", "text/plain", "application/vnd.oci.image.layer.v1.tar+gzip"])
    func `a single blob of something that is no image is a file`(_ type: String) throws {
        let text = manifest(
            "",
            config: "application/vnd.oci.empty.v1+json",
            layers: layer("1", type: type, title: "app.wasm")
        )
        guard case .manifest(let manifest) = try ManifestDocument(bytes(text)),
            case .file(let file) = try manifest.content()
        else {
            Issue.record("not a file")
            return
        }
        #expect(file.digest == digest("1"))
        #expect(file.annotations[ContentDescriptor.titleAnnotation] == "app.wasm")
    }

    @Test func `several blobs are files by their titles`() throws {
        let layers =
            layer("1", type: "text/plain", title: "a/b.txt") + ","
            + layer("2", type: "text/plain", title: "c")
        guard
            case .manifest(let manifest) = try ManifestDocument(
                bytes(manifest("", config: "a/b", layers: layers))
            )
        else { return }
        guard case .files(let files) = try manifest.content() else {
            Issue.record("not files")
            return
        }
        #expect(files.mapValues(\.digest) == ["a/b.txt": digest("1"), "c": digest("2")])
    }

    @Test(arguments: [
        "../a", "/a", "a/../b", ".", "", "a//b", "a/", "a\\n", String(repeating: "a", count: 256),
    ])
    func `a title that leads out, or is no name, is refused`(_ title: String) throws {
        let layers =
            layer("1", type: "text/plain", title: title) + "," + layer("2", type: "text/plain", title: "c")
        guard
            case .manifest(let manifest) = try ManifestDocument(
                bytes(manifest("", config: "a/b", layers: layers))
            )
        else { return }
        #expect(throws: OCIError.self) { try manifest.content() }
    }

    @Test func `files of one title, without a title, and no file at all are refused`() throws {
        let lists = [
            layer("1", type: "a/b", title: "c") + "," + layer("2", type: "a/b", title: "c"),
            layer("1", type: "a/b") + "," + layer("2", type: "a/b"),
            "",
            layer("1", type: MediaType.emptyJSON.rawValue),
        ]
        for layers in lists {
            guard
                case .manifest(let manifest) = try ManifestDocument(
                    bytes(manifest("", config: "a/b", layers: layers))
                )
            else { return }
            #expect(throws: OCIError.self) { try manifest.content() }
        }
    }
}

// MARK: Texts

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

func digest(_ digit: String) -> Digest {
    Digest(.sha256, bytes: Array(repeating: UInt8(digit, radix: 16) ?? 0, count: 32))
}

func layer(
    _ digit: String,
    type: String = "application/vnd.oci.image.layer.v1.tar+gzip",
    title: String? = nil
) -> String {
    let annotations = title.map { #","annotations":{"org.opencontainers.image.title":"\#($0)"}"# } ?? ""
    return #"{"mediaType":"\#(type)","size":10,"digest":"\#(digest(digit))"\#(annotations)}"#
}

/// An image manifest, with further members in front.
func manifest(
    _ members: String,
    config: String = MediaType.imageConfig.rawValue,
    layers: String = layer("1") + "," + layer("2")
) -> String {
    #"{"schemaVersion":2,\#(members)"config":\#(layer("c", type: config)),"layers":[\#(layers)]}"#
}
