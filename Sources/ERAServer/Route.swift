import ERAAPI
import ERACore
import HTTPTypes

/// What lies at an address.
enum Route: Equatable, Sendable {
    /// `/healthz` and `/livez`.
    case live
    /// `/readyz`
    case ready
    case version
    case metrics
    case discovery(Document)
    /// Nil: of all namespaces.
    case deployments(NamespaceName?)
    case deployment(DeploymentKey)
    case status(DeploymentKey)
    case log(DeploymentKey)
    case verb(DeploymentKey, Verb)
    case events(NamespaceName?)
    case sources
    case prune
    case resync
    case plugins
    case plugin(String)
    case artifacts
    case collection
    case health

    enum Document: Equatable, Sendable {
        case core, groups, group, coreResources, ownResources
    }

    enum Verb: String, Equatable, Sendable {
        case retry, rollback, accept, restart, suspend, resume
    }

    /// - Throws: ``APIStatus`` 404 where nothing is.
    init(_ segments: [String]) throws(APIStatus) {
        switch segments {
        case ["healthz"], ["livez"]: self = .live
        case ["readyz"]: self = .ready
        case ["version"]: self = .version
        case ["metrics"]: self = .metrics
        case ["api"]: self = .discovery(.core)
        case ["apis"]: self = .discovery(.groups)
        case ["api", "v1"]: self = .discovery(.coreResources)
        case ["apis", APIGroup.name]: self = .discovery(.group)
        case ["apis", APIGroup.name, "v1"]: self = .discovery(.ownResources)
        default:
            if segments.starts(with: ["apis", APIGroup.name, "v1"]) {
                self = try Self.own(segments.dropFirst(3))
            } else if segments.starts(with: ["api", "v1"]) {
                self = try Self.core(segments.dropFirst(2))
            } else {
                throw .noSuchResource
            }
        }
    }

    /// The methods that it answers to.
    var methods: [HTTPRequest.Method] {
        switch self {
        case .live, .ready, .version, .metrics, .discovery, .status, .log, .events, .sources, .plugins,
            .plugin,
            .health:
            [.get]
        case .deployments(.some): [.get, .post]
        case .deployments(nil): [.get]
        case .deployment: [.get, .put, .patch, .delete]
        case .artifacts: [.get, .post]
        case .verb, .prune, .resync, .collection: [.post]
        }
    }

    /// Below `/apis/era.dev/v1`.
    private static func own(_ segments: ArraySlice<String>) throws(APIStatus) -> Route {
        let words = Array(segments)
        switch (words.count, words[0]) {
        case (1, APIGroup.plural): return .deployments(nil)
        case (1, "sources"): return .sources
        case (1, "prune"): return .prune
        case (1, "resync"): return .resync
        case (1, "plugins"): return .plugins
        case (1, "health"): return .health
        case (1, "artifacts"): return .artifacts
        case (2, "artifacts") where words[1] == "gc": return .collection
        case (2, "plugins"): return .plugin(words[1])
        case (3..., "namespaces") where words[2] == APIGroup.plural:
            return try namespaced(words)
        default: throw .noSuchResource
        }
    }

    /// `namespaces/NS/deployments/…`
    private static func namespaced(_ words: [String]) throws(APIStatus) -> Route {
        guard let namespace = NamespaceName(rawValue: words[1]) else { throw .noSuchResource }
        if words.count == 3 { return .deployments(namespace) }
        guard let name = DeploymentName(rawValue: words[3]) else { throw .notFound(words[3]) }
        let key = DeploymentKey(namespace: namespace, name: name)
        switch words.count {
        case 4: return .deployment(key)
        case 5 where words[4] == "status": return .status(key)
        case 5 where words[4] == "log": return .log(key)
        case 5:
            guard let verb = Verb(rawValue: words[4]) else { throw .noSuchResource }
            return .verb(key, verb)
        default: throw .noSuchResource
        }
    }

    /// Below `/api/v1`.
    private static func core(_ segments: ArraySlice<String>) throws(APIStatus) -> Route {
        switch Array(segments) {
        case ["events"]: return .events(nil)
        case let words where words.count == 3 && words[0] == "namespaces" && words[2] == "events":
            guard let namespace = NamespaceName(rawValue: words[1]) else { throw .noSuchResource }
            return .events(namespace)
        default: throw .noSuchResource
        }
    }
}
