public import ERACore

/// All deployments that were asked for, at one resource version.
public struct DeploymentObjectList: Hashable, Sendable {
    /// The whole list, for `-o json`.
    public let json: JSONValue
    public let items: [DeploymentObject]
    public let resourceVersion: String

    /// - Throws: ``InvalidObject`` unless it is a `DeploymentList` of deployments.
    public init(_ json: JSONValue) throws(InvalidObject) {
        guard json["kind"]?.string == "DeploymentList", let items = json["items"]?.array else {
            throw InvalidObject("a DeploymentList", json)
        }
        var objects: [DeploymentObject] = []
        for item in items { objects.append(try DeploymentObject(item)) }
        self.json = json
        self.items = objects
        resourceVersion = json["metadata"]?["resourceVersion"]?.string ?? ""
    }
}

/// One line of a watch of deployments.
public enum WatchEvent: Hashable, Sendable {
    case added(DeploymentObject)
    case modified(DeploymentObject)
    /// The object as it was last.
    case deleted(DeploymentObject)
    /// Nothing changed up to this version; `endsInitialEvents` where what existed at the start has been told.
    case bookmark(resourceVersion: String, endsInitialEvents: Bool)
}

/// What an apply led to.
public struct AppliedObject: Hashable, Sendable {
    public enum Effect: String, Hashable, Sendable, CaseIterable {
        case created, configured, unchanged
    }

    public var object: DeploymentObject
    public var effect: Effect

    public init(object: DeploymentObject, effect: Effect) {
        self.object = object
        self.effect = effect
    }
}

/// Something that happened to a deployment, in the shape of Kubernetes' `core/v1.Event`.
public struct EventObject: Hashable, Sendable {
    /// The whole object, for `-o json`.
    public let json: JSONValue

    /// - Throws: ``InvalidObject`` unless it is an `Event`.
    public init(_ json: JSONValue) throws(InvalidObject) {
        guard json["kind"]?.string == "Event" else { throw InvalidObject("an Event", json) }
        self.json = json
    }

    /// Of the deployment that it is about.
    public var deploymentName: String { json["involvedObject"]?["name"]?.string ?? "" }
    public var namespace: String { json["involvedObject"]?["namespace"]?.string ?? "" }
    public var uid: String { json["involvedObject"]?["uid"]?.string ?? "" }
    /// `Normal` or `Warning`.
    public var type: String { json["type"]?.string ?? "" }
    public var isWarning: Bool { type == "Warning" }
    public var reason: String { json["reason"]?.string ?? "" }
    public var message: String { json["message"]?.string ?? "" }
    /// How often it happened.
    public var count: Int { json["count"]?.int ?? 1 }
    public var firstAt: WallTime? { json["firstTimestamp"]?.time }
    public var lastAt: WallTime? { json["lastTimestamp"]?.time }
    public var resourceVersion: String { json["metadata"]?["resourceVersion"]?.string ?? "" }
}

/// What answers: `GET /version`.
public struct VersionObject: Hashable, Sendable {
    /// ERA's own version.
    public var era: String
    /// The version of Kubernetes whose API is spoken, `v1.33.0`; kubectl chooses by it.
    public var kubernetes: String

    public init(era: String, kubernetes: String) {
        self.era = era
        self.kubernetes = kubernetes
    }
}
