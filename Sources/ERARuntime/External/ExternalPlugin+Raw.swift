package import ERAContracts
package import ERACore
internal import Glibc

/// Calls past the contract, for the conformance suite: what a plugin does with requests that ERA never makes.
extension ExternalPlugin {
    /// How such a call ended.
    package struct RawOutcome: Sendable {
        /// Nil where it did not exit by itself.
        package var exitCode: Int32?
        /// How it ended, as the end of a sentence about the call.
        package var description: String
        package var output: [UInt8]
    }

    /// The request that ERA would make of this instance for `install`.
    package func installRequest(_ instance: PreparedInstance) -> [UInt8] {
        PluginRequest.whole(
            "install",
            instance,
            directory: directory(instance.id),
            files: files(of: instance)
        ).bytes
    }

    /// The request that ERA would make for `status`.
    package func statusRequest(_ id: InstanceID) -> [UInt8] {
        PluginRequest.about("status", id, directory: directory(id)).bytes
    }

    /// Makes the instance's own directory, as ERA does before `install`.
    package func makeDirectory(of id: InstanceID) { mkdir(directory(id), 0o700) }

    /// The request that ERA would make for `describe`.
    package var describeRequest: [UInt8] { PluginRequest.describe.bytes }

    /// Calls the executable with these bytes on standard input.
    ///
    /// - Parameter environment: `NAME=value`, beside what it always gets.
    package func rawCall(
        _ verb: String,
        _ request: [UInt8],
        about id: InstanceID?,
        environment: [String] = [],
        timeout: Duration
    ) async -> RawOutcome {
        let about = id.map { (id: $0, directory: directory($0)) }
        let call = PluginCall(
            verb: verb,
            input: request,
            environment: caller.environment(about) + environment,
            directory: about?.directory ?? "/",
            timeout: timeout
        )
        let outcome = await caller.run(call)
        let (code, text): (Int32?, String) =
            switch outcome.end {
            case .code(let code): (code, "ended with exit code \(code)")
            case .signal(let signal): (nil, "was killed by signal \(signal)")
            case .timedOut: (nil, "did not end within \(timeout.manifestText)")
            case .flooded: (nil, "wrote more than an answer may have")
            case .cancelled: (nil, "was cancelled")
            case .refused(let why): (nil, "was not started: it \(why)")
            }
        return RawOutcome(exitCode: code, description: text, output: outcome.output)
    }
}
