import ERAContracts
import ERACore
import Glibc

/// A data directory and a directory of secrets, removed with everything in them at the end.
final class WorkspaceScratch: Sendable {
    let path: String

    struct Problem: Error {
        let text: String
    }

    init() throws {
        var template = Array("/tmp/era-workspace-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Problem(text: "mkdtemp: \(errno)") }
        path = template.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        // Other users of the tests pass through, as through /var/lib.
        chmod(path, 0o711)
        try makeDirectory("data")
        try makeDirectory("secrets")
    }

    deinit { Self.remove(path) }

    var data: String { path + "/data" }
    var secrets: String { path + "/secrets" }

    /// Makes the directory and its parents below the scratch.
    func makeDirectory(_ name: String) throws {
        var place = path
        for part in name.split(separator: "/") {
            place += "/\(part)"
            guard mkdir(place, 0o700) == 0 || errno == EEXIST else {
                throw Problem(text: "mkdir \(place): \(errno)")
            }
        }
    }

    func write(_ name: String, _ text: String, mode: mode_t = 0o600) throws {
        if let slash = name.lastIndex(of: "/") { try makeDirectory(String(name[..<slash])) }
        unlink("\(path)/\(name)")
        let file = creat("\(path)/\(name)", mode)
        guard file >= 0 else { throw Problem(text: "creat \(name): \(errno)") }
        fchmod(file, mode)
        let bytes = Array(text.utf8)
        _ = Glibc.write(file, bytes, bytes.count)
        close(file)
    }

    func status(_ name: String) -> stat? {
        var status = stat()
        return lstat(name.hasPrefix("/") ? name : "\(path)/\(name)", &status) == 0 ? status : nil
    }

    func mode(_ name: String) -> mode_t? { status(name).map { $0.st_mode & 0o7777 } }

    func text(_ name: String) -> String? {
        let file = open(name.hasPrefix("/") ? name : "\(path)/\(name)", O_RDONLY)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = read(file, &buffer, buffer.count)
        return count >= 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }

    static func remove(_ path: String) {
        guard unlink(path) != 0, let stream = opendir(path) else { return }
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { remove("\(path)/\(name)") }
        }
        closedir(stream)
        rmdir(path)
    }
}

/// A spec for a workspace: only what matters to one.
func workspaceSpec(
    env: [EnvironmentVariable] = [],
    ports: [PortSpec] = [],
    volumes: [VolumeSpec] = [],
    user: String? = nil
) throws -> DeploymentSpec {
    var spec = DeploymentSpec(version: try SemanticVersion("1.0.0"), runtime: RuntimeSpec(plugin: .process))
    spec.env = env
    spec.ports = ports
    spec.volumes = volumes
    spec.user = user
    return spec
}

func instance(_ name: String, namespace: String = "default", revision: Int = 1) throws -> InstanceID {
    let key = DeploymentKey(namespace: try NamespaceName(namespace), name: try DeploymentName(name))
    return InstanceID(key, RevisionNumber(revision))
}
