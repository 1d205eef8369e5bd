import ERAContracts
public import ERACore
import Glibc

/// What lets instances be known again without a record: the manifest of each in its directory.
extension LocalWorkspace {
    /// The name of the file in an instance's directory; 0600, as the database is.
    static let manifestName = "manifest.json"
    /// The longest manifest that is read: as much as a whole file of a source may have, in JSON.
    static let manifestLimit = 4 << 20

    public func keepManifest(_ manifest: String, of id: InstanceID) async throws {
        try await run { () throws(Failure) in
            let instance = try instance(id, in: Folder(root: root))
            let bytes = Array(manifest.utf8)
            // The same again is read, not written: a restart costs no flush.
            if try instance.content(Self.manifestName, limit: bytes.count + 1) == bytes { return }
            try instance.replace(Self.manifestName, with: bytes, owner: nil, mode: 0o600, isDurable: true)
        }
    }

    public func manifest(of id: InstanceID) async throws -> String? {
        try await run { () throws(Failure) in
            let top = try Folder(root: root)
            // An instance without a directory has no manifest; anything else that is in the way is an error.
            guard access("\(root)/instances/\(id)", F_OK) == 0 || errno != ENOENT else { return nil }
            let limit = Self.manifestLimit
            guard let bytes = try instance(id, in: top).content(Self.manifestName, limit: limit),
                bytes.count < limit
            else { return nil }
            return String(validating: bytes, as: UTF8.self)
        }
    }

    public func instances() async throws -> [InstanceID] {
        try await run { () throws(Failure) in try instanceDirectories(below: root) }
    }

    func instance(_ id: InstanceID, in top: borrowing Folder) throws(Failure) -> Folder {
        let namespace = try Folder(id.deployment.namespace.rawValue, in: Folder("instances", in: top))
        return try Folder("\(id.revision)", in: Folder(id.deployment.name.rawValue, in: namespace))
    }
}
