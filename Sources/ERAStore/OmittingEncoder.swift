/// Encodes a value with some members of its outermost object left out.
struct OmittingEncoder: Encoder {
    private let base: any Encoder
    private let omitted: Set<String>

    init(_ base: any Encoder, omitting omitted: Set<String>) {
        self.base = base
        self.omitted = omitted
    }

    var codingPath: [any CodingKey] { base.codingPath }
    var userInfo: [CodingUserInfoKey: Any] { base.userInfo }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(
            OmittingContainer(base: base.container(keyedBy: type), omitted: omitted, spare: base)
        )
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer { base.unkeyedContainer() }
    func singleValueContainer() -> any SingleValueEncodingContainer { base.singleValueContainer() }
}

/// The outermost object; what it holds is encoded as ever.
private struct OmittingContainer<Key: CodingKey>: KeyedEncodingContainerProtocol {
    var base: KeyedEncodingContainer<Key>
    let omitted: Set<String>
    let spare: any Encoder

    var codingPath: [any CodingKey] { base.codingPath }

    private mutating func pass(_ value: some Encodable, _ key: Key) throws {
        if !omitted.contains(key.stringValue) { try base.encode(value, forKey: key) }
    }

    mutating func encodeNil(forKey key: Key) throws {
        if !omitted.contains(key.stringValue) { try base.encodeNil(forKey: key) }
    }

    mutating func encode(_ value: Bool, forKey key: Key) throws { try pass(value, key) }
    mutating func encode(_ value: String, forKey key: Key) throws { try pass(value, key) }
    mutating func encode(_ value: Double, forKey key: Key) throws { try pass(value, key) }
    mutating func encode(_ value: Float, forKey key: Key) throws { try pass(value, key) }
    mutating func encode(_ value: Int, forKey key: Key) throws { try pass(value, key) }
    mutating func encode(_ value: Int8, forKey key: Key) throws { try pass(value, key) }
    mutating func encode(_ value: Int16, forKey key: Key) throws { try pass(value, key) }
    mutating func encode(_ value: Int32, forKey key: Key) throws { try pass(value, key) }
    mutating func encode(_ value: Int64, forKey key: Key) throws { try pass(value, key) }
    mutating func encode(_ value: UInt, forKey key: Key) throws { try pass(value, key) }
    mutating func encode(_ value: UInt8, forKey key: Key) throws { try pass(value, key) }
    mutating func encode(_ value: UInt16, forKey key: Key) throws { try pass(value, key) }
    mutating func encode(_ value: UInt32, forKey key: Key) throws { try pass(value, key) }
    mutating func encode(_ value: UInt64, forKey key: Key) throws { try pass(value, key) }
    mutating func encode(_ value: some Encodable, forKey key: Key) throws { try pass(value, key) }

    // A record encodes each member as one value, so that nothing below is ever omitted.

    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type,
        forKey key: Key
    ) -> KeyedEncodingContainer<Nested> {
        base.nestedContainer(keyedBy: type, forKey: key)
    }

    mutating func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        base.nestedUnkeyedContainer(forKey: key)
    }

    mutating func superEncoder() -> any Encoder { base.superEncoder() }
    mutating func superEncoder(forKey key: Key) -> any Encoder { base.superEncoder(forKey: key) }
}
