import ERAAPI
import ERAClient
import ERACore

extension ERAClient {
    /// Runs a request about one deployment; where there is none of that name, the error says which name was
    /// meant.
    func about<Answer: Sendable>(
        _ key: DeploymentKey,
        _ request: (ERAClient) async throws -> Answer
    ) async throws -> Answer {
        do {
            return try await request(self)
        } catch let error as ClientError where error.isNotFound {
            if let cause = error.status?.causes.first(where: { $0.reason == APIStatus.sourceProblem }) {
                throw CommandFailure("there is no deployment \(key): \(cause.message)")
            }
            // The names are only for the hint; without them the error still says what is wrong.
            let known = (try? await list().items.map(\.key)) ?? []
            throw CommandFailure(Self.unknown(key, among: known))
        }
    }

    /// What to say about a name that nobody has.
    static func unknown(_ key: DeploymentKey, among known: [DeploymentKey]) -> String {
        let missing = "there is no deployment \(key.name) in namespace \(key.namespace)"
        if let elsewhere = known.first(where: { $0.name == key.name }) {
            return "\(missing), but in \(elsewhere.namespace); add -n \(elsewhere.namespace)"
        }
        let names = known.filter { $0.namespace == key.namespace }.map(\.name.rawValue)
        if let near = Nearest.word(to: key.name.rawValue, among: names) {
            return "\(missing); did you mean \(near)?"
        }
        return known.isEmpty
            ? "\(missing), nor any other; declare one with: era apply -f FILE"
            : "\(missing); see: era get -A"
    }
}

/// Finds what somebody meant who mistyped it.
enum Nearest {
    /// The word at most a third of whose letters differ; nil when none is that near.
    static func word(to word: String, among known: [String]) -> String? {
        let nearest = known.map { ($0, distance(Array(word.utf8), Array($0.utf8))) }.min { $0.1 < $1.1 }
        guard let (name, distance) = nearest,
            distance <= max(1, max(word.utf8.count, name.utf8.count) / 3), distance < word.utf8.count
        else { return nil }
        return name
    }

    /// Optimal string alignment distance: letters inserted, removed, replaced, or swapped with a neighbour.
    static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var beforePrevious: [Int] = []
        var previous = Array(0...right.count)
        for (row, byte) in left.enumerated() {
            var current = [row + 1]
            for (column, other) in right.enumerated() {
                let replaced = previous[column] + (byte == other ? 0 : 1)
                var best = min(replaced, previous[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, byte == right[column - 1], left[row - 1] == other {
                    best = min(best, beforePrevious[column - 1] + 1)
                }
                current.append(best)
            }
            (beforePrevious, previous) = (previous, current)
        }
        return previous[right.count]
    }
}
