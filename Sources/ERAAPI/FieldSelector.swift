public import ERACore
public import ERAContracts

/// Chooses objects by the values of a few fields; all requirements must hold.
///
/// Source: Kubernetes, "Field selectors".
public struct FieldSelector: Hashable, Sendable {
    public struct Requirement: Hashable, Sendable {
        public var field: String
        public var value: String
        /// Whether the field must have the value, or must not.
        public var isWanted: Bool

        public init(field: String, value: String, isWanted: Bool) {
            self.field = field
            self.value = value
            self.isWanted = isWanted
        }
    }

    /// The fields that deployments can be chosen by.
    public static let deploymentFields = ["metadata.name", "metadata.namespace", "status.phase"]
    /// The fields that events can be chosen by.
    public static let eventFields = [
        "involvedObject.apiVersion", "involvedObject.kind", "involvedObject.name", "involvedObject.namespace",
        "involvedObject.uid", "metadata.name", "metadata.namespace", "reason", "type",
    ]
    /// The most requirements that a selector may have.
    public static let requirementLimit = 64

    public let requirements: [Requirement]

    /// - Parameter fields: Those that the kind of object can be chosen by.
    /// - Throws: ``InvalidValue`` when the text is not like
    ///   `metadata.name=web,status.phase!=Running`, or names another field.
    public init(_ text: String, fields: [String]) throws(InvalidValue) {
        let invalid = InvalidValue(
            text,
            expected:
                "a field selector such as \(fields[0])=x; the fields are \(fields.joined(separator: ", "))"
        )
        var requirements: [Requirement] = []
        for part in text.split(separator: ",") {
            let sides = part.split(separator: "=", omittingEmptySubsequences: false)
            let isWanted = !(sides[0].hasSuffix("!"))
            let isDoubled = sides.count == 3 && sides[1].isEmpty && isWanted
            let field = String(isWanted ? sides[0] : sides[0].dropLast())
            guard sides.count == 2 || isDoubled, let value = sides.last, fields.contains(field),
                requirements.count < Self.requirementLimit
            else { throw invalid }
            requirements.append(Requirement(field: field, value: String(value), isWanted: isWanted))
        }
        self.requirements = requirements
    }

    /// Whether the deployment meets every requirement.
    public func matches(_ view: DeploymentView) -> Bool {
        matches { field in
            switch field {
            case "metadata.name": view.record.key.name.rawValue
            case "metadata.namespace": view.record.key.namespace.rawValue
            default: view.record.phase.rawValue
            }
        }
    }

    /// Whether the event meets every requirement.
    public func matches(_ event: StoredEvent) -> Bool {
        let notice = event.notice
        return matches { field in
            switch field {
            case "involvedObject.apiVersion": APIGroup.apiVersion
            case "involvedObject.kind": APIGroup.kind
            case "involvedObject.name": notice.key.name.rawValue
            case "involvedObject.namespace", "metadata.namespace": notice.key.namespace.rawValue
            case "involvedObject.uid": notice.uid
            case "metadata.name": event.objectName
            case "reason": notice.reason
            default: notice.kind.rawValue
            }
        }
    }

    private func matches(_ value: (String) -> String) -> Bool {
        requirements.allSatisfy { (value($0.field) == $0.value) == $0.isWanted }
    }
}
