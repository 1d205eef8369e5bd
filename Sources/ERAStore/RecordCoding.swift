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
/// Its JSON is the record's own with two members left out, so that the parts put together are the JSON of a
/// whole record, whatever properties the record has.
struct RecordBody: Encodable {
    static let separate: Set<String> = ["declaration", "revisions"]

    let record: DeploymentRecord

    func encode(to encoder: any Encoder) throws {
        try record.encode(to: OmittingEncoder(encoder, omitting: Self.separate))
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
