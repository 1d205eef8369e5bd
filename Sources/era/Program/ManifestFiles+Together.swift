import ERACore
import ERAManifest

/// What is wrong with manifests that are read together, of which a single file knows nothing.
extension ManifestFiles {
    /// Deployments that wait for each other, and so for ever; a dependency that is not among the files may be
    /// anywhere.
    var circles: [Diagnostic] {
        let edges = Dictionary(
            entries.map { ($0.deployment.key, $0.deployment.dependencies) },
            uniquingKeysWith: { $0 + $1 }
        )
        let circles = Self.circles(edges)
        return items.flatMap { item in
            item.file.entries.compactMap { entry in
                circles[entry.deployment.key].map { circle in
                    Diagnostic(
                        file: item.path,
                        position: entry.position,
                        field: "spec.dependsOn",
                        message: "goes in a circle: \(Self.text(circle)); remove one of these dependencies"
                    )
                }
            }
        }
    }

    /// Deployments for a runtime plugin that this program has not; the daemon that gets them may have it.
    var unknownPlugins: [Diagnostic] {
        let known = Composition.pluginNames
        return items.flatMap { item in
            item.file.entries.filter { !known.contains($0.deployment.spec.runtime.plugin) }.map { entry in
                let name = entry.deployment.spec.runtime.plugin
                let names = known.map(\.rawValue).joined(separator: ", ")
                let hint = Nearest.word(to: name.rawValue, among: known.map(\.rawValue))
                return Diagnostic(
                    file: item.path,
                    position: entry.position,
                    severity: .warning,
                    field: "spec.runtime.plugin",
                    message: "this era has no plugin \(name); "
                        + (hint.map { "did you mean \($0)?" } ?? "it has: \(names)")
                )
            }
        }
    }

    /// A shortest circle for each key that is on one, from the key back to it.
    static func circles(_ edges: [DeploymentKey: [DeploymentKey]]) -> [DeploymentKey: [DeploymentKey]] {
        // Most manifests have none: what leads nowhere goes first, then what nobody leads to.
        let rest = peeled(reversed(peeled(reversed(edges))))
        var found: [DeploymentKey: [DeploymentKey]] = [:]
        for start in rest.keys.sorted() where found[start] == nil {
            guard let circle = shortestCircle(from: start, rest) else { continue }
            for (place, key) in circle.enumerated() where found[key] == nil {
                found[key] = Array(circle[place...] + circle[..<place] + [key])
            }
        }
        return found
    }

    /// Without the keys that nothing leads to, and those that only they lead to.
    ///
    /// Kahn, "Topological sorting of large networks" (1962).
    private static func peeled(_ edges: [DeploymentKey: [DeploymentKey]]) -> [DeploymentKey: [DeploymentKey]]
    {
        var rest = edges
        var incoming: [DeploymentKey: Int] = [:]
        for key in edges.values.joined() { incoming[key, default: 0] += 1 }
        var free = edges.keys.filter { incoming[$0] == nil }
        while let key = free.popLast() {
            for next in rest.removeValue(forKey: key) ?? [] {
                incoming[next, default: 0] -= 1
                if incoming[next] == 0 { free.append(next) }
            }
        }
        return rest
    }

    /// All edges the other way round; those to keys that are not there are left out.
    private static func reversed(_ edges: [DeploymentKey: [DeploymentKey]]) -> [DeploymentKey:
        [DeploymentKey]]
    {
        var reversed = edges.mapValues { _ in [DeploymentKey]() }
        for (key, others) in edges {
            for other in others where edges[other] != nil { reversed[other, default: []].append(key) }
        }
        return reversed
    }

    /// The keys of a way back to where it began, breadth first; nil when there is none.
    private static func shortestCircle(
        from start: DeploymentKey,
        _ edges: [DeploymentKey: [DeploymentKey]]
    ) -> [DeploymentKey]? {
        var before: [DeploymentKey: DeploymentKey] = [:]
        var queue = [start]
        var first = 0
        while first < queue.count {
            let key = queue[first]
            first += 1
            for next in edges[key] ?? [] {
                guard next != start else {
                    let way = sequence(first: key) { $0 == start ? nil : before[$0] }
                    return way.reversed()
                }
                guard before[next] == nil else { continue }
                before[next] = key
                queue.append(next)
            }
        }
        return nil
    }

    private static func text(_ circle: [DeploymentKey]) -> String {
        let shown = circle.prefix(circleTextLimit).map(\.description)
        return (shown + (circle.count > circleTextLimit ? ["…"] : [])).joined(separator: " → ")
    }

    /// The most deployments of a circle that a message spells out.
    private static var circleTextLimit: Int { 8 }
}

extension Deployment {
    /// What it depends on, with the namespace filled in.
    fileprivate var dependencies: [DeploymentKey] {
        spec.dependsOn.map { DeploymentKey(namespace: $0.namespace ?? metadata.namespace, name: $0.name) }
    }
}
