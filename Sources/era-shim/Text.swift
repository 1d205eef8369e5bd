import CShim

/// Bytes under construction in a buffer of fixed size; what does not fit is left out.
struct Text {
    let bytes: UnsafeMutablePointer<UInt8>
    let capacity: Int
    private(set) var count = 0

    init(capacity: Int) {
        bytes = .allocate(capacity: capacity)
        self.capacity = capacity
    }

    /// How many bytes still fit.
    var room: Int { capacity - count }

    mutating func removeAll() { count = 0 }

    /// Takes bytes out; what comes after them moves up.
    mutating func remove(from start: Int, to end: Int) {
        (bytes + start).update(from: bytes + end, count: count - end)
        count -= end - start
    }

    /// Says that bytes which were written behind the text's back belong to it.
    mutating func assumeCount(_ count: Int) { self.count = count }

    func deallocate() { bytes.deallocate() }

    /// The text with a zero behind it; what does not leave room for that loses its last byte.
    var cText: CText {
        bytes[min(count, capacity - 1)] = 0
        return UnsafeMutableRawPointer(bytes).assumingMemoryBound(to: CChar.self)
    }

    mutating func append(_ text: StaticString) { append(text.utf8Start, text.utf8CodeUnitCount) }

    mutating func append(_ source: UnsafePointer<UInt8>, _ length: Int) {
        let fitting = min(length, room)
        (bytes + count).update(from: source, count: fitting)
        count += fitting
    }

    /// A C text without its end.
    mutating func append(_ text: CText) {
        var length = 0
        while text[length] != 0 { length += 1 }
        text.withMemoryRebound(to: UInt8.self, capacity: length) { append($0, length) }
    }

    mutating func append(_ value: Int64) {
        if value < 0 {
            append("-")
            append(decimal: value.magnitude, width: 0)
        } else {
            append(decimal: UInt64(value), width: 0)
        }
    }

    /// Decimal digits, with zeros in front up to `width`.
    mutating func append(decimal value: UInt64, width: Int) {
        var divisor: UInt64 = 1
        var digits = 1
        while value / divisor >= 10 || digits < width {
            divisor *= 10
            digits += 1
        }
        while divisor > 0 {
            guard room > 0 else { return }
            bytes[count] = 48 + UInt8(truncatingIfNeeded: value / divisor % 10)
            count += 1
            divisor /= 10
        }
    }
}

/// A C text: bytes and a zero.
typealias CText = UnsafeMutablePointer<CChar>

/// Reads an unsigned decimal number at `position` and moves behind it and one blank.
///
/// - Returns: Nil when there is no digit, or more than 64 bits.
func readNumber(_ text: CText, _ position: inout Int) -> UInt64? {
    var value: UInt64 = 0
    let start = position
    while text[position] >= 48, text[position] <= 57 {
        let (product, isTooLarge) = value.multipliedReportingOverflow(by: 10)
        let (sum, overflows) = product.addingReportingOverflow(UInt64(text[position] - 48))
        if isTooLarge || overflows { return nil }
        value = sum
        position += 1
    }
    guard position > start else { return nil }
    if text[position] == 32 { position += 1 }
    return value
}
