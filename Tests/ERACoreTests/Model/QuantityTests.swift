import Testing

@testable import ERACore

@Suite struct QuantityTests {
    // Kubernetes, `resource.Quantity`.
    @Test(arguments: [
        ("0", 0), ("1024", 1024), ("256Mi", 268_435_456), ("1.5Gi", 1_610_612_736), ("100M", 100_000_000),
        ("1k", 1000), ("1Ki", 1024), ("0.5Ki", 512), ("7Ei", 8_070_450_532_247_928_832),
        ("9223372036854775807", Int64.max), ("9E", 9_000_000_000_000_000_000), ("1T", 1_000_000_000_000),
        ("0.001k", 1), ("1.000", 1),
    ])
    func `a size is read exactly`(row: (String, Int64)) throws {
        #expect(try ByteCount(row.0).bytes == row.1)
    }

    @Test(arguments: [
        "", "Mi", "-1", "+1", "1.5", "0.0001Ki", "1 Mi", "1mi", "1MiB", "1e3", "0x10", "1.2.3", ".5Gi", "5.",
        "٣Mi",
        // Beyond 2⁶³: 8 EiB once ended the program.
        "8Ei", "16Ei", "17Ei", "10E", "9223372036854775808", "9.3E", "99999999999999999999999999",
        "0.00000000000000000000000001Ei",
    ])
    func `what is no whole number of bytes below two to the 63 is refused`(text: String) {
        #expect(throws: InvalidValue.self) { try ByteCount(text) }
    }

    @Test(arguments: [
        (268_435_456, "256Mi"), (1536, "1536"), (1_572_864, "1536Ki"), (1000, "1000"), (0, "0"),
    ])
    func `a size is written in the largest exact binary unit`(row: (Int64, String)) throws {
        #expect(ByteCount(row.0).description == (row.0 == 1536 ? "1536" : row.1))
        #expect(try ByteCount(ByteCount(row.0).description).bytes == row.0)
    }

    @Test(arguments: [("500m", 500), ("0.5", 500), ("2", 2000), ("1m", 1), ("0.001", 1), ("1.25", 1250)])
    func `a share of processors is read exactly`(row: (String, Int64)) throws {
        #expect(try CPUShare(row.0).millicores == row.1)
        #expect(try CPUShare(CPUShare(row.0).description).millicores == row.1)
    }

    @Test(arguments: ["", "0", "0m", "-1", "0.0005", "0.5m", "m", "1M", "one", "9223372036854775807"])
    func `what is no share of processors is refused`(text: String) {
        #expect(throws: InvalidValue.self) { try CPUShare(text) }
    }

    @Test(arguments: [
        ("0", 0), ("0s", 0), ("90s", 90_000), ("5m", 300_000), ("1h30m", 5_400_000), ("250ms", 250),
        ("1.5s", 1500), ("1h1m1s1ms", 3_661_001), ("8760h", 31_536_000_000), ("0.5h", 1_800_000),
    ])
    func `a duration is read exactly, and written so that it is read again`(row: (String, Int64)) throws {
        let duration = try Duration(manifest: row.0)
        #expect(duration == .milliseconds(row.1))
        #expect(try Duration(manifest: duration.manifestText) == duration)
    }

    @Test(arguments: [
        "", "s", "5", "-5s", "+5s", "5 s", "5S", "1m1h", "1s1s", "5us", "0.5ms", "1.s", ".5s", "1,5s", "5d",
        "８s",
        // Beyond a year, and beyond 64 bits: the second once ended the program.
        "8761h", "5000000000000h", "99999999999999999999h", "8760h1ms",
    ])
    func `what is no duration of at most a year is refused`(text: String) {
        #expect(throws: InvalidValue.self) { try Duration(manifest: text) }
    }

    // reliability.md: 1 s, doubling, cap 5 min, ±20 % jitter.
    @Test(arguments: [(1, 1.0), (2, 2), (3, 4), (9, 256), (10, 300), (1_000_000, 300)])
    func `a retry's delay doubles up to its limit, spread by a fifth`(row: (Int, Double)) {
        let retry = RetrySpec()
        #expect(retry.delay(after: row.0, .none) == .seconds(row.1))
        for unit in [0.0, 0.1, 0.9, 0.999_999] {
            let delay = retry.delay(after: row.0, Jitter(unit)).inSeconds
            #expect(delay >= row.1 * 0.799_999 && delay <= row.1 * 1.200_001)
        }
        #expect(retry.delay(after: row.0, Jitter(0)) < retry.delay(after: row.0, Jitter(0.9)))
    }

    @Test func `no manifest can ask for retries without pause`() {
        let retry = RetrySpec(limit: 5, initialDelay: .zero, factor: 1, maxDelay: .zero)
        #expect(retry.delay(after: 7, Jitter(0)) == backoffFloor)
    }
}
