import ERAAPI
import ERACore
import HTTPTypes
import HummingbirdCore
import NIOCore

extension Responder {
    static func json(
        _ value: JSONValue,
        _ status: HTTPResponse.Status = .ok,
        _ headers: HTTPFields = [:],
        contentType: String = "application/json"
    ) -> Response {
        var headers = headers
        headers[.contentType] = contentType
        return Response(
            status: status,
            headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: JSONText.write(value) + [UInt8(ascii: "\n")]))
        )
    }

    static func text(
        _ text: String,
        _ status: HTTPResponse.Status = .ok,
        contentType: String = "text/plain; charset=utf-8"
    ) -> Response {
        Response(
            status: status,
            headers: [.contentType: contentType],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text))
        )
    }

    static func answer(_ status: APIStatus, _ headers: HTTPFields = [:]) -> Response {
        var headers = headers
        if let seconds = status.retryAfterSeconds { headers[.retryAfter] = String(seconds) }
        return json(status.json, HTTPResponse.Status(code: status.code), headers)
    }
}
