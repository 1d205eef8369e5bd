import Glibc
import NIOCore

/// Who is at the other end of a unix socket: the kernel's own word, taken when the connection was made.
///
/// The layout is that of `struct ucred` (unix(7), SO_PEERCRED).
struct Peer: Equatable, Sendable {
    var pid: Int32
    var user: UInt32
    var group: UInt32

    /// - Throws: When the channel is no unix socket.
    static func of(_ channel: any Channel) async throws -> Peer {
        guard let provider = channel as? any SocketOptionProvider else {
            throw ChannelError.operationUnsupported
        }
        return try await provider.unsafeGetSocketOption(
            level: NIOBSDSocket.OptionLevel(rawValue: SOL_SOCKET),
            name: NIOBSDSocket.Option(rawValue: SO_PEERCRED)
        ).get()
    }

    /// Whether root, this program's own user, or a member of `allowedGroup`.
    func isAllowed(ownUser: UInt32, allowedGroup: UInt32?) -> Bool {
        user == 0 || user == ownUser || group == allowedGroup
    }
}
