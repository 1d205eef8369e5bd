public import ERACore

/// The deployment that the core's tests speak of.
let key = DeploymentKey(name: DeploymentName(checked: "web"))
let origin = Origin(source: "directory:manifests", path: "web.yaml")

/// A point of both clocks, `seconds` after boot.
func at(_ seconds: Double) -> Timestamp {
    Timestamp(
        uptime: Uptime(sinceBoot: .milliseconds(Int64(seconds * 1000))),
        wall: WallTime(sinceEpoch: .seconds(1_800_000_000) + .milliseconds(Int64(seconds * 1000)))
    )
}

/// A digest that differs for each number.
func digest(_ number: Int) -> Digest {
    let digits = String(number, radix: 16)
    guard let digest = try? Digest("sha256:" + String(repeating: "0", count: 64 - digits.count) + digits)
    else {
        preconditionFailure("64 hexadecimal digits are a digest")
    }
    return digest
}

/// A spec of version `number`.0.0, with what the lifecycle looks at.
func spec(_ number: Int, _ change: (inout DeploymentSpec) -> Void = { _ in }) -> DeploymentSpec {
    guard let version = try? SemanticVersion("\(number).0.0") else {
        preconditionFailure("a number and two zeros are a version")
    }
    var spec = DeploymentSpec(version: version, runtime: RuntimeSpec(plugin: .process), command: ["bin/web"])
    change(&spec)
    return spec
}

func deployment(_ spec: DeploymentSpec, labels: [String: String] = [:]) -> Deployment {
    Deployment(metadata: Metadata(name: key.name, labels: labels), spec: spec)
}

extension RevisionNumber: ExpressibleByIntegerLiteral {
    public init(integerLiteral value: Int) { self.init(value) }
}

extension Failure {
    static let later = Failure.transient(.fetchFailed, "the server is busy")
    static let never = Failure.permanent(.fetchRefused, "the server says no")
}

extension InstanceStatus {
    static func up(since seconds: Double = 0) -> InstanceStatus {
        .running(Running(pid: 42, startedAt: at(seconds).uptime))
    }
    static func ended(_ code: Int32) -> InstanceStatus { .exited(Exited(status: .code(code), at: nil)) }
}
