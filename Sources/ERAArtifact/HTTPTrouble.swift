import AsyncHTTPClient
import ERACore
import NIOCore
import NIOHTTP1
import NIOSSL

/// Tells apart what may go away and what will not.
enum HTTPTrouble {
    /// What a status other than 200 and 206 means.
    ///
    /// 408, 425, 429 and all of 5xx may pass, as RFC 9110 and RFC 6585 describe them; others will not.
    static func refusal(
        _ response: HTTPClientResponse,
        _ place: HTTPLocation,
        hasCredentials: Bool,
        _ options: FetchOptions,
        _ now: Timestamp
    ) -> Failure {
        let status = response.status
        let said = "\(place.shown) answered \(status.code)"
        switch status.code {
        case 408, 425, 429, 500...599:
            let asked = HTTPHeaderText.retryAfter(response.headers.first(name: "Retry-After"), now: now.wall)
            return .transient(
                .fetchFailed,
                said,
                retryAfter: asked.map { min($0, options.retryAfterLimit) }
            )
        case 401, 403:
            let hint =
                hasCredentials ? "check the secret that pullSecret names" : "name a secret in pullSecret"
            return .permanent(.fetchRefused, "\(said) (access denied); \(hint)")
        case 404, 410: return .permanent(.fetchFailed, "\(said) (there is no such file); correct the source")
        default:
            return .permanent(.fetchFailed, "\(said), which is no answer to a download; check the source")
        }
    }

    /// What went wrong on the way, in our words. Everything may pass but a certificate that is not trusted.
    static func translated(_ error: any Error, _ place: HTTPLocation) -> any Error {
        switch error {
        case is Failure, is CancellationError, is HTTPFetcher.CannotResume, is SystemError, is Challenged:
            return error
        case let error as HTTPClientError where error == .cancelled && Task.isCancelled:
            return CancellationError()
        case _ where isAboutCertificate(error):
            return Failure.permanent(
                .fetchRefused,
                "the certificate of \(place.shown) is not trusted (\(error)); if it is your own, "
                    + "name its authority in the trusted certificates"
            )
        case _ where isAboutTLS(error):
            return Failure.transient(
                .fetchFailed,
                "\(place.shown) does not speak TLS; where plain http is meant, start era with "
                    + "--insecure-registry for a registry, with --allow-http for a file"
            )
        case let error as HTTPClientError where error == .connectTimeout:
            return Failure.transient(.timeout, "cannot connect to \(place.shown) in time")
        default:
            return Failure.transient(
                .fetchFailed,
                "the transfer from \(place.shown) failed: \(error)"
            )
        }
    }

    private static func isAboutCertificate(_ error: any Error) -> Bool {
        switch error {
        case is NIOSSLExtraError: true
        case NIOSSLError.unableToValidateCertificate, NIOSSLError.noCertificateToValidate: true
        default: handshake(error, failedBy: "CERTIFICATE_VERIFY_FAILED")
        }
    }

    /// Whether the answer to a greeting in TLS was something else, plain http mostly.
    private static func isAboutTLS(_ error: any Error) -> Bool {
        handshake(error, failedBy: "WRONG_VERSION_NUMBER") || handshake(error, failedBy: "HTTP_REQUEST")
    }

    /// BoringSSL's errors have no code in the API of NIOSSL, only such a word in their text.
    private static func handshake(_ error: any Error, failedBy word: String) -> Bool {
        guard case NIOSSLError.handshakeFailed(.sslError(let stack)) = error else { return false }
        return stack.contains { $0.description.contains(word) }
    }
}
