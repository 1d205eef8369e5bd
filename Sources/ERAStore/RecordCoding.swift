import ERACore
import FoundationEssentials

/// A text of JSON with its checksum: SQLite does not notice a flipped bit inside a value.
struct CheckedJSON: Equatable, Sendable {
    let text: String
    let sum: Int64

    init(text: String) {
        self.text = text
        sum = Self.sum(text)
    }

    init(encoding value: some Encodable, _ encoder: JSONEncoder) throws {
        self.init(text: String(decoding: try encoder.encode(value), as: UTF8.self))
    }

    /// - Throws: ``DamagedRow`` when the text is not what was written.
    init(text: String, sum: Int64, of place: @autoclosure () -> String) throws(DamagedRow) {
        self.text = text
        self.sum = Self.sum(text)
        guard self.sum == sum else { throw DamagedRow(place: place(), problem: "its checksum is wrong") }
    }

    /// FNV-1a with 64 bits: each change of a single byte changes it.
    ///
    /// Source: draft-eastlake-fnv, section 2.
    private static func sum(_ text: String) -> Int64 {
        var text = text
        let hash = text.withUTF8 { bytes in
            bytes.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
        }
        return Int64(bitPattern: hash)
    }
}

/// A row that cannot be what was written.
struct DamagedRow: Error, Equatable, CustomStringConvertible {
    var place: String
    var problem: String
    var description: String { "\(place): \(problem)" }
}

/// A record without what changes seldom: its declaration and its revisions.
///
/// The names are the record's own, so that the parts put together are the JSON of a whole record. A test holds the
/// list of names against the record's properties.
struct RecordBody: Encodable {
    let record: DeploymentRecord

    enum CodingKeys: String, CodingKey, CaseIterable {
        case key, uid, createdAt, outcomes, target, quarantine, previous, lastFailed, isHeld, state, onDisk
        case artifacts, handles, housekeeping, conditions, epoch
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(record.key, forKey: .key)
        try container.encode(record.uid, forKey: .uid)
        try container.encode(record.createdAt, forKey: .createdAt)
        try container.encode(record.outcomes, forKey: .outcomes)
        try container.encode(record.target, forKey: .target)
        try container.encodeIfPresent(record.quarantine, forKey: .quarantine)
        try container.encodeIfPresent(record.previous, forKey: .previous)
        try container.encodeIfPresent(record.lastFailed, forKey: .lastFailed)
        try container.encode(record.isHeld, forKey: .isHeld)
        try container.encode(record.state, forKey: .state)
        try container.encode(record.onDisk, forKey: .onDisk)
        try container.encode(record.artifacts, forKey: .artifacts)
        try container.encode(record.handles, forKey: .handles)
        try container.encode(record.housekeeping, forKey: .housekeeping)
        try container.encode(record.conditions, forKey: .conditions)
        try container.encode(record.epoch, forKey: .epoch)
    }

    /// Puts a record together from the texts of its parts; they have been checked.
    ///
    /// - Parameter revisions: By number.
    static func join(
        body: String,
        declaration: String,
        revisions: [(number: Int, text: String)],
        _ decoder: JSONDecoder
    ) throws -> DeploymentRecord {
        // A dictionary whose keys are not strings is an array of keys and values in turn.
        let list = revisions.map { "\($0.number),\($0.text)" }.joined(separator: ",")
        let whole = "{\"declaration\":\(declaration),\"revisions\":[\(list)],\(body.dropFirst())"
        return try decoder.decode(DeploymentRecord.self, from: Data(whole.utf8))
    }
}
