import Crypto
import Foundation
import Testing

/// Who gives tokens for a docker-registry: signed with a key whose certificate the registry has.
///
/// Source: the distribution project's "Token Authentication Implementation", JSON Web Tokens.
struct TokenServer: Sendable {
    /// The registry's section `auth`, but for the realm.
    let settings: String
    private let key: P256.Signing.PrivateKey
    private let certificate: String

    /// Makes the key and its certificate in a directory.
    init(in directory: String) throws {
        let words = [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=tokens",
        ]
        let status = try Tool(words, in: directory).waitForExit()
        try #require(status == 0)
        key = try P256.Signing.PrivateKey(
            pemRepresentation: String(decoding: try read(directory + "/key.pem"), as: UTF8.self)
        )
        certificate = String(decoding: try read(directory + "/cert.pem"), as: UTF8.self)
            .split(separator: "\n").filter { !$0.hasPrefix("-") }.joined()
        settings = "service: live, issuer: tokens, rootcertbundle: \(directory)/cert.pem"
    }

    /// A token to pull `team/app` for five minutes.
    func token() throws -> String {
        let now = Int(Date().timeIntervalSince1970)
        let access = #"[{"type":"repository","name":"team/app","actions":["pull"]}]"#
        let claims =
            #"{"iss":"tokens","sub":"user","aud":"live","iat":\#(now - 10),"nbf":\#(now - 10),"exp":\#(now + 300),"#
            + #""jti":"1","access":\#(access)}"#
        let head = #"{"typ":"JWT","alg":"ES256","x5c":["\#(certificate)"]}"#
        let text = Self.encoded(Array(head.utf8)) + "." + Self.encoded(Array(claims.utf8))
        let signature = try key.signature(for: Array(text.utf8)).rawRepresentation
        return text + "." + Self.encoded(Array(signature))
    }

    /// Base64 for addresses, unpadded (RFC 7515 section 2).
    private static func encoded(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
            .replacing("=", with: "")
    }
}
