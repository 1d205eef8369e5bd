internal import ERACore

/// What can be told of a WebAssembly module without running it: what it needs, and what it offers.
///
/// Pure: it is given bytes. Only the sections of interest are read, each of bounded length; the code is the
/// engine's to check.
struct WasmModule: Hashable, Sendable {
    /// A longer import, memory or export section is refused.
    static let sectionLimit = 4 << 20
    /// So many sections are looked at, custom ones included.
    static let sectionCountLimit = 10_000
    /// Bytes of a page of memory. Source: core specification, section 4.2.8.
    static let pageSize: UInt64 = 65_536
    /// What modules call the host by. Source: WASI snapshot preview 1.
    static let systemName = "wasi_snapshot_preview1"

    /// Sizes of a memory or a table.
    struct Limits: Hashable, Sendable {
        var minimum: UInt64
        var maximum: UInt64?
        var is64Bit = false
    }

    /// Something that the module must be given.
    struct Import: Hashable, Sendable {
        var module: String
        var name: String
    }

    /// Why bytes are no module that can be run.
    enum Problem: Error, Hashable, Sendable, CustomStringConvertible {
        /// It is something else; the text says what, and what to do.
        case foreign(String)
        case broken(String)
        /// A module, but none that starts by itself under preview 1.
        case unfit(String)

        var description: String {
            switch self {
            case .foreign(let text), .unfit(let text): text
            case .broken(let text): "is damaged: \(text); fetch or build it again"
            }
        }
    }

    private(set) var imports: [Import] = []
    private(set) var functionExports: Set<String> = []
    private(set) var memoryExports: Set<String> = []
    /// Its own memories; an imported one is no own one.
    private(set) var memories: [Limits] = []

    /// Reads a module.
    ///
    /// - Parameters:
    ///   - size: In bytes.
    ///   - read: Gives the bytes of a range within the size.
    /// - Throws: ``Problem``, or what `read` throws.
    init(size: Int, read: (Range<Int>) throws -> [UInt8]) throws {
        try Self.checkHeader(try read(0..<min(8, size)))
        var position = 8
        var last = 0
        for _ in 0..<Self.sectionCountLimit {
            guard position < size else { return }
            let head = try read(position..<min(position + 6, size))
            var bytes = WasmBytes(head, of: "the section at byte \(position)")
            let id = Int(try bytes.byte())
            let length = try bytes.count()
            let start = position + 1 + Self.lengthOfNumber(head.dropFirst())
            let name = Self.names[id] ?? "unknown section \(id)"
            guard length <= size - start else {
                throw Problem.broken(
                    "the \(name) at byte \(position) has \(length) bytes, and the file ends after \(size - start)"
                )
            }
            try Self.checkOrder(id, name, position, &last)
            if [2, 5, 7].contains(id) {
                guard length <= Self.sectionLimit else {
                    throw Problem.unfit("has a \(name) of \(length) bytes; ERA reads \(Self.sectionLimit)")
                }
                try take(id, WasmBytes(try read(start..<start + length), of: "the \(name)"))
            }
            position = start + length
        }
        throw Problem.unfit("has more than \(Self.sectionCountLimit) sections")
    }

    /// Reads a module in memory.
    init(_ bytes: [UInt8]) throws {
        try self.init(size: bytes.count) { Array(bytes[$0]) }
    }

    // MARK: What it is

    private static func checkHeader(_ head: [UInt8]) throws(Problem) {
        guard head.starts(with: [0x00, 0x61, 0x73, 0x6D]) else { throw .foreign(foreign(head)) }
        guard head.count == 8 else { throw .broken("it ends in its first eight bytes") }
        switch (head[4], head[5], head[6], head[7]) {
        case (1, 0, 0, 0): return
        case (_, _, 1, 0):
            throw .foreign(
                "is a component, not a module; build it for WASI preview 1 (wasm32-wasip1), "
                    + "or take the module out of it (wasm-tools component unbundle)"
            )
        default:
            throw .foreign("is of version \(head[4]) of the binary format, and ERA knows version 1")
        }
    }

    private static func foreign(_ head: [UInt8]) -> String {
        if head.isEmpty { return "is empty" }
        if head.starts(with: [0x7F, 0x45, 0x4C, 0x46]) {
            return "is a native program or a precompiled module (ELF), not a WebAssembly module"
        }
        let text = head.drop { [9, 10, 13, 32].contains($0) }
        if text.starts(with: "(".utf8) || text.starts(with: ";;".utf8) {
            return "is WebAssembly text; make a module of it with wat2wasm"
        }
        let shown = head.prefix(4).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
        return "is no WebAssembly module: it begins with \(shown), not 00 61 73 6d"
    }

    /// Sections by number. Source: core specification, section 5.5.2, and 13 of exception handling.
    private static let names = [
        0: "custom section", 1: "type section", 2: "import section", 3: "function section",
        4: "table section", 5: "memory section", 6: "global section", 7: "export section",
        8: "start section", 9: "element section", 10: "code section", 11: "data section",
        12: "data count section", 13: "tag section",
    ]
    private static let order = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11]

    private static func checkOrder(
        _ id: Int,
        _ name: String,
        _ position: Int,
        _ last: inout Int
    ) throws(Problem) {
        guard id != 0 else { return }
        guard let place = order.firstIndex(of: id) else {
            throw .broken("there is \(name) at byte \(position)")
        }
        guard place + 1 > last else {
            throw .broken("the \(name) at byte \(position) is out of order, or there a second time")
        }
        last = place + 1
    }

    private static func lengthOfNumber(_ bytes: ArraySlice<UInt8>) -> Int {
        bytes.prefix { $0 & 0x80 != 0 }.count + 1
    }

    // MARK: What it has

    private mutating func take(_ id: Int, _ content: WasmBytes) throws(Problem) {
        var content = content
        var found = self
        switch id {
        case 2:
            try content.elements { (bytes: inout WasmBytes) throws(Problem) in
                found.imports.append(try Self.readImport(&bytes))
            }
        case 5:
            try content.elements { (bytes: inout WasmBytes) throws(Problem) in
                found.memories.append(try bytes.limits())
            }
        default:
            try content.elements { (bytes: inout WasmBytes) throws(Problem) in
                let name = try bytes.name()
                let kind = try bytes.byte()
                _ = try bytes.count()
                switch kind {
                case 0: found.functionExports.insert(name)
                case 2: found.memoryExports.insert(name)
                case 1, 3, 4: break
                default: throw bytes.broken("has an export of unknown kind \(kind)")
                }
            }
        }
        self = found
    }

    private static func readImport(_ bytes: inout WasmBytes) throws(Problem) -> Import {
        let found = Import(module: try bytes.name(), name: try bytes.name())
        let kind = try bytes.byte()
        switch kind {
        case 0: _ = try bytes.count()
        case 1:
            try bytes.skipType()
            _ = try bytes.limits()
        case 2: _ = try bytes.limits()
        case 3:
            try bytes.skipType()
            _ = try bytes.byte()
        case 4:
            _ = try bytes.byte()
            _ = try bytes.count()
        default: throw bytes.broken("has an import of unknown kind \(kind)")
        }
        return found
    }
}

extension WasmModule {
    /// How many imports a message names.
    static let namedLimit = 3

    /// What keeps the module from running by itself as a WASI preview 1 program; nil for nothing.
    var problem: Problem? {
        let others = imports.filter { $0.module != Self.systemName }
        if !others.isEmpty { return .unfit(Self.text(others)) }
        guard functionExports.contains("_start") else {
            return .unfit(
                functionExports.contains("_initialize")
                    ? "is a library (it exports _initialize, not _start); build it as a program"
                    : "exports no function _start, so nothing begins; build it as a program for WASI preview 1"
            )
        }
        if memories.contains(where: \.is64Bit) {
            return .unfit("has a memory of 64 bits, which WASI preview 1 does not have")
        }
        guard memoryExports.contains("memory") else {
            return .unfit("exports no memory under the name memory, which WASI needs")
        }
        return nil
    }

    private static func text(_ imports: [Import]) -> String {
        let named = imports.prefix(namedLimit).map { "\($0.module).\($0.name)" }.joined(separator: ", ")
        let more = imports.count > namedLimit ? " and \(imports.count - namedLimit) more" : ""
        let isOld = imports.contains { $0.module == "wasi_unstable" }
        let advice = isOld ? "it was built for an older WASI; build it anew" : "ERA gives it nothing else"
        return "imports \(named)\(more), not only \(systemName); \(advice)"
    }

    /// What its memory has at least, in bytes.
    var initialMemory: UInt64 {
        memories.reduce(0) { $0 &+ $1.minimum.multipliedReportingOverflow(by: Self.pageSize).partialValue }
    }
}
