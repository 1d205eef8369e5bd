import Glibc

/// Looks at a directory that ERA uses: is it there, whose is it, who may write to it.
struct DirectoryCheck {
    /// What the directory is for.
    enum Use {
        /// Made by the daemon where it is missing; nobody else may look into it.
        case own
        /// As ``own``, but others may pass through: ERA lets them (0711) where a workload has a user of its
        /// own.
        case data
        /// Read by the daemon; others must not write to it, nor to a directory above.
        case declared
        /// As ``declared``, and may be missing.
        case optional
    }

    let subject: String
    let path: String
    let use: Use
    /// Who will use it.
    let userID: UInt32

    init(_ subject: String, _ path: String, _ use: Use, userID: UInt32) {
        self.subject = subject
        self.path = path
        self.use = use
        self.userID = userID
    }

    var findings: [Finding] {
        var status = stat()
        guard stat(path, &status) == 0 else { return [missing(errno)] }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            return [.problem(subject, "\(path) is not a directory; move it away, or name another one")]
        }
        switch use {
        case .own: return [ownFinding(status, closedTo: 0o077, advice: "chmod 700")]
        case .data: return [ownFinding(status, closedTo: 0o066, advice: "chmod go-rw")]
        case .declared, .optional: return [declaredFinding(status)]
        }
    }

    private func missing(_ code: Int32) -> Finding {
        guard code == ENOENT else {
            return .problem(subject, "cannot look at \(path): \(String(cString: strerror(code)))")
        }
        switch use {
        case .optional: return .good(subject, "\(path) is not there, which is fine without secrets")
        case .declared: return .problem(subject, "\(path) is not there; make it: mkdir -p \(path)")
        case .own, .data:
            let parent = Self.nearestParent(of: path)
            if access(parent, W_OK) == 0 { return .good(subject, "\(path) is made by the daemon") }
            return .problem(
                subject,
                "\(path) is not there, and this user may not make it in \(parent); make it, or name another"
            )
        }
    }

    private func ownFinding(_ status: stat, closedTo bits: mode_t, advice: String) -> Finding {
        if access(path, R_OK | W_OK | X_OK) != 0 {
            return .problem(
                subject,
                "this user may not write to \(path); run as its owner (user \(status.st_uid))"
            )
        }
        if status.st_mode & bits != 0 {
            return .warning(subject, "others may look into \(path): \(advice) \(path)")
        }
        return .good(subject, "\(path)")
    }

    private func declaredFinding(_ status: stat) -> Finding {
        if access(path, R_OK | X_OK) != 0 {
            return .problem(subject, "this user may not read \(path); check its mode and owner")
        }
        if let open = Self.writableByOthers(path, userID: userID) {
            return .problem(
                subject,
                "others may write to \(open), and so declare what runs: chmod go-w \(open)"
            )
        }
        return .good(subject, "\(path)")
    }

    /// The directory itself or one above it that somebody else may write to; a sticky one keeps others' names
    /// safe.
    static func writableByOthers(_ path: String, userID: UInt32) -> String? {
        var current = path
        while true {
            var status = stat()
            guard stat(current, &status) == 0 else { return nil }
            let isSticky = status.st_mode & S_ISVTX != 0 && current != path
            let isForeign = status.st_uid != 0 && status.st_uid != userID
            if status.st_mode & 0o022 != 0 && !isSticky || isForeign { return current }
            guard let slash = current.lastIndex(of: "/"), current != "/" else { return nil }
            current = slash == current.startIndex ? "/" : String(current[..<slash])
        }
    }

    /// The directory itself, or the first above it that is there.
    static func nearestParent(of path: String) -> String {
        var current = path
        while access(current, F_OK) != 0, let slash = current.lastIndex(of: "/"), current != "/" {
            current = slash == current.startIndex ? "/" : String(current[..<slash])
        }
        return current
    }
}
