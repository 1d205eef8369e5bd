import ERACore
import ERAEngine
import ERAManifest
import Glibc

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
                        message: "goes in a circle: \(circleText(circle)); remove one of these dependencies"
                    )
                }
            }
        }
    }

    /// Deployments for a runtime plugin that is nowhere here; the daemon that gets them may have it.
    ///
    /// - Parameter directories: Where plugins of others lie; whether they can be used, the daemon says.
    func unknownPlugins(besides directories: [String]) -> [Diagnostic] {
        let known = Composition.pluginNames
        func isThere(_ name: PluginName) -> Bool {
            known.contains(name) || directories.contains { access("\($0)/era-plugin-\(name)", X_OK) == 0 }
        }
        return items.flatMap { item in
            item.file.entries.filter { !isThere($0.deployment.spec.runtime.plugin) }.map { entry in
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
        var found: [DeploymentKey: [DeploymentKey]] = [:]
        for tangle in keysOnCycles(edges) {
            for start in tangle.sorted() where found[start] == nil {
                guard let circle = shortestCircle(from: start, edges) else { continue }
                for (place, key) in circle.enumerated() where found[key] == nil {
                    found[key] = Array(circle[place...] + circle[..<place] + [key])
                }
            }
        }
        return found
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
}
