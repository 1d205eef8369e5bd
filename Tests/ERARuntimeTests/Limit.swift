import Glibc

/// The descriptors of this process; looking needs none.
enum Descriptors {
    private static let searchLimit: CInt = 4096

    static var open: Int { (0..<searchLimit).count { fcntl($0, F_GETFD) != -1 } }

    /// The limit that leaves room for so many more.
    static func number(after spare: Int) -> UInt {
        let free = (0..<searchLimit).filter { fcntl($0, F_GETFD) == -1 }
        return UInt(free[spare])
    }
}

/// A limit of this process (setrlimit(2)), lowered for a while.
enum Limit {
    case files
    case processes

    /// By number, since their type differs between libraries. Source: bits/resource.h.
    private var resource: __rlimit_resource_t { self == .files ? 7 : 6 }

    /// - Returns: What it was.
    func lower(to soft: UInt) -> UInt {
        var limit = rlimit()
        getrlimit(resource, &limit)
        let former = limit.rlim_cur
        limit.rlim_cur = min(rlim_t(soft), former)
        setrlimit(resource, &limit)
        return UInt(former)
    }

    func set(_ soft: UInt) {
        var limit = rlimit()
        getrlimit(resource, &limit)
        limit.rlim_cur = rlim_t(soft)
        setrlimit(resource, &limit)
    }
}
