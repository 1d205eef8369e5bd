import ERAAPI
import ERACore
import ERAContracts

extension ERAClient {
    /// Sends a request and gives back an answer that is a success.
    func send(
        _ method: String,
        _ path: String,
        contentType: String? = nil,
        body: JSONValue? = nil
    ) async throws -> Transport.Answer {
        let answer = try await transport.answer(method, path, contentType: contentType, body: body)
        guard (200..<300).contains(answer.code) else {
            throw Transport.error(code: answer.code, body: answer.body)
        }
        return answer
    }

    /// Makes a value of the answer's JSON.
    func read<Value>(_ answer: Transport.Answer, _ decode: (JSONValue) throws -> Value) async throws -> Value
    {
        do {
            return try decode(try JSONText.read(answer.body))
        } catch {
            throw ClientError.protocolViolation("\(error)")
        }
    }

    func events(at path: String) async throws -> [EventObject] {
        try await read(try await send("GET", path)) { try $0.items("EventList").map { try EventObject($0) } }
    }

    static func deployments(_ namespace: NamespaceName?) -> String {
        APIGroup.root + (namespace.map { "/namespaces/\($0)" } ?? "") + "/\(APIGroup.plural)"
    }

    static func path(_ key: DeploymentKey) -> String { deployments(key.namespace) + "/\(key.name)" }

    static func events(_ namespace: NamespaceName?) -> String {
        "/api/v1" + (namespace.map { "/namespaces/\($0)" } ?? "") + "/events"
    }

    /// Selects the events about a deployment.
    static func about(_ key: DeploymentKey) -> String {
        "involvedObject.kind=\(APIGroup.kind),involvedObject.name=\(key.name)"
    }

    /// `?a=b&c=d` of the parameters that are not nil, percent-encoded; empty where none is left.
    static func query(_ parameters: [(name: String, value: String?)]) -> String {
        let given = parameters.compactMap { parameter in
            parameter.value.map { parameter.name + "=" + PercentEncoding.encode($0, keepingSlash: true) }
        }
        return given.isEmpty ? "" : "?" + given.joined(separator: "&")
    }
}
