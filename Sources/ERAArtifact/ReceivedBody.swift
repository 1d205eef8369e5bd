import ERACore
import NIOCore

/// What is remembered of a body, to say more than that its digest is wrong.
struct ReceivedBody: Sendable {
    private let isDeclaredHTML: Bool
    private let isWhole: Bool
    private var opening: [UInt8] = []

    /// - Parameter isWhole: Whether its end was told apart from a broken connection.
    init(type: String?, isWhole: Bool) {
        isDeclaredHTML = type?.lowercased().hasPrefix("text/html") ?? false
        self.isWhole = isWhole
    }

    mutating func look(at chunk: ByteBuffer) {
        guard opening.count < 64 else { return }
        opening.append(contentsOf: chunk.readableBytesView.prefix(64 - opening.count))
    }

    /// Whether it is a web page.
    var isHTML: Bool {
        if isDeclaredHTML { return true }
        let text = String(decoding: opening, as: UTF8.self).lowercased().drop { $0.isWhitespace }
        return text.hasPrefix("<!doctype html") || text.hasPrefix("<html")
    }

    /// A web page instead of the file goes away when somebody has logged in to the network; a body whose end
    /// nobody marked may be cut. Anything else stays wrong until somebody changes it.
    func failure(_ mismatch: DigestMismatch, _ place: HTTPLocation) -> Failure {
        let what =
            "\(place.shown) has the digest \(mismatch.found), the manifest declares \(mismatch.declared)"
        if isHTML {
            return .transient(
                .digestMismatch,
                what
                    + "; a web page (HTML) came instead of a file: a login page of the network, or the address "
                    + "of a page about the file"
            )
        }
        if !isWhole {
            return .transient(
                .digestMismatch,
                what + "; the server did not say how long it is, so it may have been cut off"
            )
        }
        return .permanent(
            .digestMismatch,
            what + "; either the digest is that of another version, or the file was replaced"
        )
    }
}
