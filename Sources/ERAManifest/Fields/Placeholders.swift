import ERACore

// What stands in required fields of an object that is being read; nobody sees it.

extension SemanticVersion {
    static let placeholder = SemanticVersion(major: 0, minor: 0, patch: 0)
}

extension ArtifactLocation {
    static let placeholder: ArtifactLocation = {
        do throws(InvalidValue) { return try ArtifactLocation("file:///placeholder") } catch {
            preconditionFailure("file:///placeholder is a location")
        }
    }()
}
