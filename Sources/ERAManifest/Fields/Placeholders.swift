import ERACore

// What stands in required fields of an object that is being read; nobody sees it.

extension SemanticVersion {
    static let placeholder: SemanticVersion = {
        do throws(InvalidValue) { return try SemanticVersion("0.0.0") } catch {
            preconditionFailure("0.0.0 is a version")
        }
    }()
}

extension ArtifactLocation {
    static let placeholder: ArtifactLocation = {
        do throws(InvalidValue) { return try ArtifactLocation("file:///placeholder") } catch {
            preconditionFailure("file:///placeholder is a location")
        }
    }()
}
