internal import ERACore

/// Reads the values of WebAssembly's binary format from a piece of a file, and never beyond it.
///
/// Source: WebAssembly core specification, section 5 (binary format).
struct WasmBytes {
    private let bytes: [UInt8]
    private var position = 0
    /// What is being read, for messages: `the import section`.
    private let subject: String

    init(_ bytes: [UInt8], of subject: String) {
        self.bytes = bytes
        self.subject = subject
    }

    var isAtEnd: Bool { position == bytes.count }

    func broken(_ what: String) -> WasmModule.Problem { .broken("\(subject) \(what)") }

    mutating func byte() throws(WasmModule.Problem) -> UInt8 {
        guard position < bytes.count else { throw broken("ends too early") }
        defer { position += 1 }
        return bytes[position]
    }

    /// A number of up to 64 bits in LEB128, without sign. Source: section 5.2.2.
    mutating func number(bits: Int = 32) throws(WasmModule.Problem) -> UInt64 {
        var value: UInt64 = 0
        var shift = 0
        while true {
            let next = try byte()
            let part = UInt64(next & 0x7F)
            guard shift < bits, shift + 7 <= bits || part < 1 << UInt64(bits - shift) else {
                throw broken("has a number of more than \(bits) bits")
            }
            value |= part << UInt64(shift)
            if next & 0x80 == 0 { return value }
            shift += 7
        }
    }

    /// A length or an index.
    mutating func count() throws(WasmModule.Problem) -> Int { Int(try number()) }

    mutating func name() throws(WasmModule.Problem) -> String {
        let length = try count()
        guard length <= bytes.count - position else { throw broken("has a name that is longer than it") }
        defer { position += length }
        guard let text = String(validating: bytes[position..<position + length], as: UTF8.self) else {
            throw broken("has a name that is not UTF-8")
        }
        return text
    }

    /// A type of a value or of references; which one does not matter here.
    mutating func skipType() throws(WasmModule.Problem) {
        // (ref null? heap type): a number with sign follows.
        guard [0x63, 0x64].contains(try byte()) else { return }
        while try byte() & 0x80 != 0 {}
    }

    /// The limits of a memory or a table. Source: section 5.3.9, with the flags of threads and of memory64.
    mutating func limits() throws(WasmModule.Problem) -> WasmModule.Limits {
        let flags = try byte()
        guard flags < 8 else { throw broken("has limits of an unknown kind") }
        let bits = flags & 4 == 0 ? 32 : 64
        let minimum = try number(bits: bits)
        let maximum = flags & 1 == 0 ? nil : try number(bits: bits)
        return WasmModule.Limits(minimum: minimum, maximum: maximum, is64Bit: bits == 64)
    }

    /// Every element of a vector, or what remains is an error.
    mutating func elements(
        _ body: (inout WasmBytes) throws(WasmModule.Problem) -> Void
    ) throws(WasmModule.Problem) {
        let count = try count()
        // Each has one byte at least: no count can ask for more work than there are bytes.
        guard count <= bytes.count - position else { throw broken("says it has more elements than bytes") }
        for _ in 0..<count { try body(&self) }
        guard isAtEnd else { throw broken("is longer than its content") }
    }
}
