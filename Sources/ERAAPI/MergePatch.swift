public import ERACore

extension JSONValue {
    /// The value with a merge patch applied.
    ///
    /// Source: RFC 7386 section 2, `MergePatch`. The patch's depth is bounded by whoever parsed it.
    public func merging(_ patch: JSONValue) -> JSONValue {
        guard case .object(let changes) = patch else { return patch }
        var members = object ?? [:]
        for (name, change) in changes {
            members[name] = change == .null ? nil : (members[name] ?? .null).merging(change)
        }
        return .object(members)
    }
}
