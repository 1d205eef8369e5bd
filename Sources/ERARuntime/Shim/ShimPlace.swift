internal import ERACore

/// Where an instance's shim keeps things: derived from the instance, so that it is found again.
struct ShimPlace: Hashable, Sendable {
    let instance: InstanceID
    /// `<data>/instances/NS/NAME/REV`.
    let directory: String
    /// `<run>/shims`.
    let runDirectory: String
    /// Sixteen hexadecimal digits of the deployment and the data directory: control sockets of one deployment
    /// begin alike, those of two ERAs do not.
    let deploymentTag: String

    init(_ instance: InstanceID, dataDirectory: String, runDirectory: String) {
        self.instance = instance
        directory = "\(dataDirectory)/instances/\(instance)"
        self.runDirectory = runDirectory + "/shims"
        deploymentTag = Self.hash("\(dataDirectory)\n\(instance.deployment)")
    }

    static let shimName = "shim"
    static let logName = "log"
    static let filesName = "files"

    var shimDirectory: String { "\(directory)/\(Self.shimName)" }
    var logDirectory: String { "\(directory)/\(Self.logName)" }
    var filesDirectory: String { "\(directory)/\(Self.filesName)" }
    var statePath: String { shimDirectory + "/state" }
    /// Locked by the shim while its workload may live.
    var lockPath: String { shimDirectory + "/lock" }
    /// The name of the control socket, of the cgroup, and the value of ERA_INSTANCE.
    var name: String { "\(deploymentTag).\(instance.revision)" }

    /// FNV-1a, 64 bits: a name, not a defence.
    private static func hash(_ text: String) -> String {
        let value = text.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) {
            ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3
        }
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}
