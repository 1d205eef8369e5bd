package import ERACore

/// The longest circle that a message spells out.
private let circleTextLimit = 8

/// In a tangle of more deployments than this they are all told of the same circle.
let ownCircleLimit = 50

/// The way from a key along its dependencies back to it; nil when there is none.
///
/// - Parameter keys: Where the way may lead; nil: anywhere.
func cycle(
    from start: DeploymentKey,
    _ edges: [DeploymentKey: [DeploymentKey]],
    within keys: Set<DeploymentKey>? = nil
) -> [DeploymentKey]? {
    var visited: Set<DeploymentKey> = []
    var path = [start]
    // Depth first with an explicit stack: dependencies can be chained by the thousand.
    var stack = [(edges[start] ?? []).makeIterator()]
    while let top = stack.indices.last {
        guard let next = stack[top].next() else {
            stack.removeLast()
            path.removeLast()
            continue
        }
        if next == start { return path + [start] }
        guard keys?.contains(next) ?? true, visited.insert(next).inserted else { continue }
        path.append(next)
        stack.append((edges[next] ?? []).makeIterator())
    }
    return nil
}

/// A circle in words.
package func circleText(_ cycle: [DeploymentKey]) -> String {
    let shown = cycle.prefix(circleTextLimit).map(\.description)
    return (shown + (cycle.count > circleTextLimit ? ["…"] : [])).joined(separator: " → ")
}

/// The keys that lie on cycles, those that reach each other together; in time
/// that grows with the number of edges.
///
/// Tarjan, "Depth-first search and linear graph algorithms" (1972), with an explicit stack.
package func keysOnCycles(_ edges: [DeploymentKey: [DeploymentKey]]) -> [Set<DeploymentKey>] {
    struct Visit {
        let key: DeploymentKey
        var rest: IndexingIterator<[DeploymentKey]>
    }
    var index: [DeploymentKey: Int] = [:]
    var low: [DeploymentKey: Int] = [:]
    var open: [DeploymentKey] = []
    var isOpen: Set<DeploymentKey> = []
    var found: [Set<DeploymentKey>] = []
    var visits: [Visit] = []

    func enter(_ key: DeploymentKey) {
        low[key] = index.count
        index[key] = index.count
        open.append(key)
        isOpen.insert(key)
        visits.append(Visit(key: key, rest: (edges[key] ?? []).makeIterator()))
    }

    /// All that was opened since `key` was, is one strongly connected
    /// component when nothing leads further back.
    func leave(_ key: DeploymentKey) {
        guard low[key] == index[key] else { return }
        var component: [DeploymentKey] = []
        while let last = open.popLast() {
            isOpen.remove(last)
            component.append(last)
            if last == key { break }
        }
        if component.count > 1 || edges[key]?.contains(key) == true { found.append(Set(component)) }
    }

    func lower(_ key: DeploymentKey, to other: Int?) {
        guard let mine = low[key], let other else { return }
        low[key] = min(mine, other)
    }

    for start in edges.keys where index[start] == nil {
        enter(start)
        while let top = visits.indices.last {
            let key = visits[top].key
            if let next = visits[top].rest.next() {
                if index[next] == nil {
                    enter(next)
                } else if isOpen.contains(next) {
                    lower(key, to: index[next])
                }
            } else {
                visits.removeLast()
                leave(key)
                if let parent = visits.last?.key { lower(parent, to: low[key]) }
            }
        }
    }
    return found
}
