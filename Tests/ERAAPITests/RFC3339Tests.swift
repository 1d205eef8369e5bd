import ERAAPI
import ERACore
import Testing

@Suite struct RFC3339Tests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("2026-01-02T03:04:05Z", 1_767_323_045),
        ("2000-02-29T23:59:59Z", 951_868_799), ("1969-12-31T23:59:59Z", -1),
        ("0000-03-01T00:00:00Z", -62_162_035_200),
        ("2026-01-02T05:04:05+02:00", 1_767_323_045), ("2026-01-01T21:04:05-06:00", 1_767_323_045),
        ("2026-01-02t03:04:05z", 1_767_323_045), ("2016-12-31T23:59:60Z", 1_483_228_799),
    ])
    func `a time is read`(text: String, seconds: Int64) throws {
        #expect(try WallTime(rfc3339: text).sinceEpoch == .seconds(seconds))
    }

    @Test func `fractions are read to the microsecond, which is what a wall time keeps`() throws {
        #expect(try WallTime(rfc3339: "1970-01-01T00:00:01.5Z").sinceEpoch == .milliseconds(1500))
        #expect(try WallTime(rfc3339: "1970-01-01T00:00:00.0000019Z").sinceEpoch == .microseconds(1))
    }

    @Test(arguments: [
        "", "2026", "2026-01-02", "2026-01-02T03:04:05", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z", "2026-01-32T00:00:00Z", "2026-01-02T24:00:00Z", "2026-01-02T03:60:05Z",
        "2026-01-02T03:04:61Z", "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05+2:00", "2026-01-02T03:04:05ZZ",
        "+026-01-02T03:04:05Z", "2026-01-02T03:04:05+24:00", "²026-01-02T03:04:05Z",
    ])
    func `anything else is refused`(text: String) {
        #expect(throws: InvalidValue.self) { try WallTime(rfc3339: text) }
    }

    @Test(arguments: [0, 1, 951_782_400, 1_767_323_045, 4_102_444_799, -86_401] as [Int64])
    func `what is written is read back`(seconds: Int64) throws {
        let time = WallTime(sinceEpoch: .seconds(seconds))
        #expect(try WallTime(rfc3339: time.rfc3339) == time)
        #expect(try WallTime(rfc3339: time.rfc3339Micro) == time)
    }
}
