import ERAAPI
import ERACore
import HTTPTypes
import HummingbirdCore
import NIOCore

extension Responder {
    /// Content types that an object may come in.
    static let objectTypes = ["application/json", "application/yaml"]
    /// Content types that a patch may come in.
    static let patchTypes = ["application/merge-patch+json", "application/apply-patch+yaml"]

    /// The body as a value.
    ///
    /// - Parameter types: What the body may be; the first where the request does not say.
    /// - Returns: The value, and which of `types` it is.
    /// - Throws: ``APIStatus`` 415, 413, 400.
    func body(of call: Call, types: [String]) async throws -> (value: JSONValue, type: String) {
        let declared = call.header(.contentType) ?? types[0]
        let plain = declared.prefix { $0 != ";" }.lowercased().filter { !$0.isWhitespace }
        let type = plain == "*/*" || plain.isEmpty ? types[0] : plain
        guard types.contains(type) else { throw APIStatus.unsupportedMediaType(declared, supported: types) }
        let bytes = try await bytes(of: call)
        guard !bytes.isEmpty else { throw APIStatus.badRequest("the request has no body") }
        do {
            return (type.hasSuffix("yaml") ? try JSONText.readYAML(bytes) : try JSONText.read(bytes), type)
        } catch let status as APIStatus {
            throw status
        } catch {
            throw APIStatus.badRequest("the body of the request cannot be read: \(error)")
        }
    }

    /// The body as a value where there is one; nil where it is empty, whatever its content type.
    func optionalBody(of call: Call) async throws -> JSONValue? {
        let bytes = try await bytes(of: call)
        guard !bytes.isEmpty else { return nil }
        do {
            return try JSONText.read(bytes)
        } catch {
            throw APIStatus.badRequest("the body of the request cannot be read: \(error)")
        }
    }

    private func bytes(of call: Call) async throws -> [UInt8] {
        let limit = options.limits.bodySizeLimit
        if let length = call.header(.contentLength).flatMap({ Int($0) }), length > limit {
            throw APIStatus.tooLarge(limit: limit)
        }
        let channel = call.channel
        let deadline = channel.eventLoop.scheduleTask(in: TimeAmount(options.limits.bodyTimeLimit)) {
            channel.close(promise: nil)
        }
        defer { deadline.cancel() }
        do {
            return Array(try await call.request.body.collect(upTo: limit).readableBytesView)
        } catch is NIOTooManyBytesError {
            throw APIStatus.tooLarge(limit: limit)
        }
    }
}
