/// The word of `known` that `word` most likely should be; nil when none is near.
///
/// Near is: at most a third of the longer word's letters inserted, removed, replaced or swapped with a
/// neighbour, or equal but for case, `-` and `_`.
func suggestion(for word: String, among known: [String]) -> String? {
    guard word.utf8.count <= suggestionLengthLimit else { return nil }
    let plain = simplified(word)
    let nearest = known.map { ($0, editDistance(plain, simplified($0))) }.min { $0.1 < $1.1 }
    guard let (name, distance) = nearest,
        distance <= max(1, max(plain.count, name.utf8.count) / 3), distance < plain.count
    else { return nil }
    return name
}

/// The longest word that is compared with others, in bytes.
private let suggestionLengthLimit = 64

private func simplified(_ word: String) -> [UInt8] {
    Array(word.lowercased().utf8.filter { $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: "_") })
}

/// Optimal string alignment distance: insertions, removals, replacements, swaps of neighbours.
private func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var beforePrevious: [Int] = []
    var previous = Array(0...right.count)
    for (row, byte) in left.enumerated() {
        var current = [row + 1]
        for (column, other) in right.enumerated() {
            var best = min(
                previous[column] + (byte == other ? 0 : 1),
                previous[column + 1] + 1,
                current[column] + 1
            )
            if row > 0, column > 0, byte == right[column - 1], left[row - 1] == other {
                best = min(best, beforePrevious[column - 1] + 1)
            }
            current.append(best)
        }
        (beforePrevious, previous) = (previous, current)
    }
    return previous[right.count]
}
