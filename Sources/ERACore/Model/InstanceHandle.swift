/// What a plugin wants to have back with each later verb; the store keeps it and never looks inside.
public struct InstanceHandle: Hashable, Sendable, Codable {
    /// The version of the payload's format; a plugin refuses a newer one than it knows.
    public var version: Int
    public var payload: JSONValue

    public init(version: Int, payload: JSONValue) {
        self.version = version
        self.payload = payload
    }
}
