import ERACore
import Glibc

/// Every instance that has a directory `instances/NS/NAME/REV` below a data directory, sorted.
///
/// What has another form or is no directory belongs to somebody else, and hides nothing of ours.
/// - Throws: ``Failure`` when it cannot be told: a part would pass for the whole.
func instanceDirectories(below data: String) throws(Failure) -> [InstanceID] {
    guard access("\(data)/instances", F_OK) == 0 || errno != ENOENT else { return [] }
    let instances = try Folder("instances", in: Folder(root: data))
    var found: [InstanceID] = []
    for namespace in try instances.names() {
        guard let namespaceName = NamespaceName(rawValue: namespace) else { continue }
        guard let folder = try instances.directory(namespace) else { continue }
        for name in try folder.names() {
            guard let deploymentName = DeploymentName(rawValue: name) else { continue }
            guard let deployment = try folder.directory(name) else { continue }
            let key = DeploymentKey(namespace: namespaceName, name: deploymentName)
            for text in try deployment.names() {
                guard let number = Int(text), number > 0, text == String(number) else { continue }
                if try deployment.directory(text) == nil { continue }
                found.append(InstanceID(key, RevisionNumber(number)))
            }
        }
    }
    return found.sorted()
}
