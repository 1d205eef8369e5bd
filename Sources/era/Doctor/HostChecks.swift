import Glibc

/// Looks at what ERA needs of the machine.
enum HostChecks {
    /// Below this, fetching and installing soon fail.
    static let freeBytesLimit: UInt64 = 1 << 30
    /// Below this, the database cannot be relied on.
    static let scarceBytesLimit: UInt64 = 64 << 20

    /// Room and inodes where the data is.
    static func disk(_ dataDirectory: String) -> Finding {
        let path = DirectoryCheck.nearestParent(of: dataDirectory)
        var status = statvfs()
        guard statvfs(path, &status) == 0 else {
            return .problem("disk", "cannot look at \(path): \(String(cString: strerror(errno)))")
        }
        if status.f_flag & UInt(ST_RDONLY) != 0 {
            return .problem(
                "disk",
                "the file system of \(path) is read-only; mount it writable, or name another one"
            )
        }
        return disk(
            path,
            free: UInt64(status.f_bavail) * UInt64(status.f_frsize),
            // File systems without a fixed number of inodes say 0 of 0.
            inodes: status.f_files == 0 ? nil : UInt64(status.f_favail)
        )
    }

    /// What so much room means.
    static func disk(_ path: String, free: UInt64, inodes: UInt64?) -> Finding {
        let text = "\(free >> 20) MiB free at \(path)"
        if free < scarceBytesLimit { return .problem("disk", "only \(text); make room") }
        if let inodes, inodes < 1000 {
            return .problem("disk", "only \(inodes) inodes left at \(path); remove files")
        }
        if free < freeBytesLimit { return .warning("disk", "only \(text); artifacts may not fit") }
        return .good("disk", text)
    }

    /// What would run modules; a host that runs none needs nothing for it.
    static func modules(_ engine: (isUsable: Bool, text: String)) -> Finding {
        engine.isUsable
            ? .good("wasm", engine.text)
            : .warning("wasm", "plugin wasm cannot be used: \(engine.text)")
    }

    /// What would run containers; a host that runs none needs nothing for it.
    static func containers(_ engine: (isUsable: Bool, text: String)) -> Finding {
        engine.isUsable
            ? .good("containers", engine.text)
            : .warning("containers", "plugin container cannot be used: \(engine.text)")
    }

    /// cgroup v2, and the controllers that limits need.
    static func cgroups(root: String = "/sys/fs/cgroup") -> Finding {
        // What cannot be read is not there: the finding is the same.
        guard let bytes = try? FileBytes.read("\(root)/cgroup.controllers", limit: 4096) else {
            return .warning(
                "cgroups",
                "no cgroup v2 at \(root): limits are not enforced, processes are tracked by their groups; "
                    + "boot with systemd.unified_cgroup_hierarchy=1"
            )
        }
        let present = Set(String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace))
        let missing = ["cpu", "memory", "pids"].filter { !present.contains(Substring($0)) }
        guard missing.isEmpty else {
            let names = missing.joined(separator: ", ")
            return .warning(
                "cgroups",
                "cgroup v2 without \(names): those limits are not enforced; delegate them"
            )
        }
        guard access(root, W_OK) == 0 else {
            return .warning(
                "cgroups",
                "cgroup v2, which this user may not change: limits need root, or a unit of systemd --user"
            )
        }
        return .good("cgroups", "v2 with cpu, memory, pids")
    }

    /// Whether the calendar time can be believed. ERA shows it, and decides nothing by it; certificates do.
    static func clock(now seconds: Int, isSynchronised: Bool?) -> Finding {
        // 2025-01-01: before this program was written.
        if seconds < 1_735_689_600 {
            return .problem("clock", "the clock is before 2025: https fails; set it, and run an NTP client")
        }
        if isSynchronised == false {
            return .warning("clock", "the clock is not synchronised; run an NTP client, such as chrony")
        }
        return .good("clock", isSynchronised == true ? "synchronised" : "plausible")
    }

    /// What systemd's NTP client notes (systemd-timesyncd(8)); nil where another one, or none, is at work.
    static func isClockSynchronised() -> Bool? {
        access("/run/systemd/timesync/synchronized", F_OK) == 0 ? true : nil
    }

    /// Descriptors that one process may have open.
    static func openFiles() -> Finding {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return .warning("open files", "their limit cannot be read: \(String(cString: strerror(errno)))")
        }
        // Up to three descriptors a deployment, and some for the daemon itself.
        if limit.rlim_max < 4096 {
            return .warning(
                "open files",
                "at most \(limit.rlim_max): raise it for many deployments (LimitNOFILE=65536)"
            )
        }
        return .good("open files", "up to \(limit.rlim_max)")
    }

    /// A unix socket's path has a bound (`sun_path` of unix(7)).
    static func socketPath(_ path: String) -> Finding {
        let limit = 107
        guard path.utf8.count > limit else { return .good("socket", path) }
        return .problem("socket", "\(path) is longer than \(limit) bytes; name a shorter --run-dir")
    }
}
