import ERACore
import Testing

@testable import ERARuntime

@Suite struct WasmModuleTests {
    @Test func `a module that begins by itself and asks for WASI alone can be run`() throws {
        let bytes = Wasm.module(
            imports: [Wasm.imported("wasi_snapshot_preview1", "fd_write")],
            memory: [1, 2, 9]
        )
        let module = try WasmModule(bytes)
        #expect(module.problem == nil)
        #expect(module.imports == [WasmModule.Import(module: "wasi_snapshot_preview1", name: "fd_write")])
        #expect(module.functionExports == ["_start"])
        #expect(module.memories == [WasmModule.Limits(minimum: 2, maximum: 9)])
        #expect(module.initialMemory == 131_072)
    }

    @Test(
        arguments: [
            // Section 5.5.16 of the specification: the magic number and the version.
            ([], "is empty"),
            (Array("(module)".utf8), "is WebAssembly text"),
            (Array("  ;; x".utf8), "is WebAssembly text"),
            ([0x7F, 0x45, 0x4C, 0x46, 2], "native program or a precompiled module"),
            ([0x1F, 0x8B, 8, 0], "begins with 1f 8b 08 00"),
            ([0x00, 0x61, 0x73, 0x6D], "ends in its first eight bytes"),
            ([0x00, 0x61, 0x73, 0x6D, 2, 0, 0, 0], "version 2"),
            // The component model's layer.
            ([0x00, 0x61, 0x73, 0x6D, 0x0D, 0, 1, 0], "is a component, not a module"),
        ] as [([UInt8], String)]
    )
    func `what is no module is called what it is`(bytes: [UInt8], message: String) {
        let problem = Wasm.problem(bytes).map(\.description)
        #expect(problem?.contains(message) == true, "\(problem ?? "none")")
    }

    @Test(arguments: [
        (Wasm.module(exports: [("memory", 2)]), "exports no function _start"),
        (Wasm.module(exports: [("_start", 2), ("memory", 2)]), "exports no function _start"),
        (Wasm.module(exports: [("_initialize", 0), ("memory", 2)]), "is a library"),
        (Wasm.module(exports: [("_start", 0)]), "exports no memory"),
        (Wasm.module(memory: [4, 1]), "memory of 64 bits"),
        (Wasm.module(imports: [Wasm.imported("env", "f")]), "imports env.f, not only wasi_snapshot_preview1"),
        (Wasm.module(imports: [Wasm.imported("wasi_unstable", "fd_write")]), "built for an older WASI"),
        (
            Wasm.module(imports: ["a", "b", "c", "d", "e"].map { Wasm.imported("env", $0) }),
            "env.a, env.b, env.c and 2 more"
        ),
    ])
    func `a module that does not run by itself under WASI says why`(bytes: [UInt8], message: String) {
        let problem = Wasm.problem(bytes).map(\.description)
        #expect(problem?.contains(message) == true, "\(problem ?? "none")")
    }

    @Test(
        arguments: [
            (Wasm.header + [1, 5, 0], "type section at byte 8 has 5 bytes, and the file ends after 1"),
            (
                Wasm.header + [5, 1, 0, 5, 1, 0],
                "memory section at byte 11 is out of order, or there a second time"
            ),
            (Wasm.header + [7, 1, 0, 2, 1, 0], "import section at byte 11 is out of order"),
            (Wasm.header + [99, 1, 0], "unknown section 99 at byte 8"),
            (Wasm.header + [2, 0x80, 0x80, 0x80, 0x80, 0x80], "the section at byte 8 ends too early"),
            (Wasm.header + [2, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F], "number of more than 32 bits"),
            (Wasm.header + [2], "ends too early"),
            // A count that asks for more work than there are bytes.
            (Wasm.header + [2, 5, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F], "more elements than bytes"),
            (Wasm.header + [2, 2, 1, 9], "name that is longer than it"),
            (Wasm.header + [2, 3, 1, 1, 0xFF], "name that is not UTF-8"),
            (Wasm.header + [2, 4, 1, 0, 0, 9], "import of unknown kind 9"),
            (Wasm.header + [7, 4, 1, 0, 9, 0], "export of unknown kind 9"),
            (Wasm.header + [5, 3, 1, 8, 0], "limits of an unknown kind"),
            (Wasm.header + [5, 2, 0, 0], "longer than its content"),
        ] as [([UInt8], String)]
    )
    func `damage is found where it is`(bytes: [UInt8], message: String) {
        let problem = Wasm.problem(bytes).map(\.description)
        #expect(problem?.contains(message) == true, "\(problem ?? "none")")
        #expect(problem?.contains("is damaged") == true)
    }

    @Test func `tables, memories, globals and tags that are imported are read over`() throws {
        let imports: [[UInt8]] = [
            Wasm.name("env") + Wasm.name("t") + [1, 0x70, 1, 1, 2],
            Wasm.name("env") + Wasm.name("r") + [1, 0x64, 0x6F, 0, 1],
            Wasm.name("env") + Wasm.name("m") + [2, 3, 1, 2],
            Wasm.name("env") + Wasm.name("g") + [3, 0x7F, 1],
            Wasm.name("env") + Wasm.name("e") + [4, 0, 0],
            Wasm.imported("env", "f"),
        ]
        let module = try WasmModule(Wasm.module(imports: imports))
        #expect(module.imports.map(\.name) == ["t", "r", "m", "g", "e", "f"])
    }

    @Test func `sections beyond the limits are not read`() {
        var custom = Wasm.header
        for _ in 0..<WasmModule.sectionCountLimit { custom += [0, 1, 0] }
        #expect(Wasm.problem(custom)?.description.contains("more than 10000 sections") == true)

        let size = 8 + 6 + WasmModule.sectionLimit + 1
        // A number of five bytes, as its length.
        let length = UInt32(WasmModule.sectionLimit + 1)
        let head =
            Wasm.header + [7] + (0..<4).map { UInt8(length >> (7 * $0) & 0x7F) | 0x80 }
            + [UInt8(length >> 28)]
        var readTo = 0
        #expect(throws: WasmModule.Problem.self) {
            try WasmModule(size: size) { range in
                readTo = max(readTo, range.upperBound)
                return Array(head[range])
            }
        }
        #expect(readTo <= head.count)
    }

    @Test func `no beginning of a module, and no changed byte, does more than be refused`() {
        let bytes = Wasm.module(imports: [Wasm.imported("wasi_snapshot_preview1", "fd_write")])
        for end in 0..<bytes.count { #expect(Wasm.problem(Array(bytes[..<end])) != nil, "\(end)") }
        for position in bytes.indices {
            for value in [0, 1, 2, 5, 0x40, 0x7F, 0x80, 0xFF] as [UInt8] {
                var changed = bytes
                changed[position] = value
                // What it says is not of interest: that it says something is.
                _ = Wasm.problem(changed)
            }
        }
    }
}
