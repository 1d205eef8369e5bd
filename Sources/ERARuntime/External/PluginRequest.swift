internal import ERAContracts
internal import ERACore
internal import ERAManifest

/// What each verb is asked, as the object that goes to a plugin's standard input.
struct PluginRequest {
    let verb: String
    private var members: [String: JSONValue]

    init(_ verb: String) {
        self.verb = verb
        members = ["apiVersion": .string(AnswerReader.apiVersion), "verb": .string(verb)]
    }

    /// The bytes; secrets are among them.
    var bytes: [UInt8] { JSONValue.object(members).utf8Text(pretty: false) }

    static let describe = PluginRequest("describe")

    static func validate(_ spec: DeploymentSpec) -> PluginRequest {
        var request = PluginRequest("validate")
        request.members["spec"] = ManifestEncoding.spec(spec, includingDefaults: true)
        return request
    }

    /// - Parameter directory: Where the plugin keeps what belongs to the instance.
    static func about(_ verb: String, _ id: InstanceID, directory: String) -> PluginRequest {
        var request = PluginRequest(verb)
        request.members["instance"] = [
            "namespace": .string(id.deployment.namespace.rawValue),
            "name": .string(id.deployment.name.rawValue),
            "revision": .integer(Int64(id.revision.rawValue)),
            "directory": .string(directory),
        ]
        return request
    }

    /// For install, start and probe.
    ///
    /// - Parameter files: Where the artifact was unpacked; nil where it was not.
    static func whole(
        _ verb: String,
        _ instance: PreparedInstance,
        directory: String,
        files: String?,
        handle: InstanceHandle? = nil
    ) -> PluginRequest {
        var request = about(verb, instance.id, directory: directory)
        request.members["spec"] = ManifestEncoding.spec(instance.spec, includingDefaults: true)
        request.members["artifact"] = instance.artifact.map { object($0, files: files) }
        request.members["environment"] = .array(
            instance.environment.map { ["name": .string($0.name), "value": .string($0.value.revealed)] }
        )
        request.members["volumes"] = .array(instance.volumes.map(object))
        request.members["handle"] = handle.map {
            ["version": .integer(Int64($0.version)), "payload": $0.payload]
        }
        return request
    }

    static func stop(_ id: InstanceID, _ stop: StopSpec, directory: String) -> PluginRequest {
        var request = about("stop", id, directory: directory)
        request.members["signal"] = .string(stop.signal.rawValue)
        request.members["graceSeconds"] = .number(stop.grace.inSeconds)
        return request
    }

    static func logs(_ id: InstanceID, _ logs: LogRequest, directory: String) -> PluginRequest {
        var request = about("logs", id, directory: directory)
        request.members["tailLines"] = logs.tailLines.map { .integer(Int64($0)) }
        request.members["follow"] = .boolean(logs.follow)
        request.members["timestamps"] = .boolean(logs.timestamps)
        return request
    }

    private static func object(_ artifact: StoredArtifact, files: String?) -> JSONValue {
        var members: [String: JSONValue] = [
            "digest": .string(artifact.digest.description),
            "size": .integer(Int64(artifact.size.bytes)),
            "path": .string(artifact.path),
            "name": .string(artifact.name),
            "content": .string(artifact.content.rawValue),
        ]
        members["files"] = files.map { .string($0) }
        return .object(members)
    }

    private static func object(_ volume: PreparedInstance.Volume) -> JSONValue {
        var members: [String: JSONValue] = [
            "name": .string(volume.name.rawValue),
            "hostPath": .string(volume.hostPath),
            "mountPath": .string(volume.mountPath),
            "readOnly": .boolean(volume.isReadOnly),
        ]
        members["tmpfs"] = volume.tmpfs.map { tmpfs in
            .object(tmpfs.sizeLimit.map { ["sizeLimit": .integer(Int64($0.bytes))] } ?? [:])
        }
        return .object(members)
    }
}

extension Duration {
    /// As a number of seconds, whole where it is.
    fileprivate var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}
