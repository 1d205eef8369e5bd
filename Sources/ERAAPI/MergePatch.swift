public import ERACore

extension JSONValue {
    /// The value with a merge patch applied.
    ///
    /// Source: RFC 7386 section 2, `MergePatch`. The patch's depth is bounded by whoever parsed it.
    public func merging(_ patch: JSONValue) -> JSONValue {
        guard case .object(let changes) = patch else { return patch }
        var members = object ?? [:]
        for (name, change) in changes {
            if change == .null {
                members.removeValue(forKey: name)
            } else {
                members[name] = (members[name] ?? .null).merging(change)
            }
        }
        return .object(members)
    }
}
