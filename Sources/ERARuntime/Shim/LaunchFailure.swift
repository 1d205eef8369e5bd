internal import ERACore
internal import ERALinux
internal import Glibc

/// What to do about a lack of something that the host counts; empty for anything else.
func remedy(_ number: Int32) -> String {
    switch number {
    case EMFILE: "; raise the limit of open files of ERA (LimitNOFILE=, ulimit -n)"
    case ENFILE: "; raise fs.file-max, or end what keeps so many files open"
    case EAGAIN: "; raise the limit of processes (TasksMax=, LimitNPROC=, ulimit -u)"
    case ENOMEM: "; free some memory"
    default: ""
    }
}

/// What `errno` means for an attempt on a file.
func failure(_ attempt: String, _ subject: String, errorNumber: Int32 = errno) -> Failure {
    let message = "cannot \(attempt) \(subject): \(SystemError(errorNumber).text)"
    switch errorNumber {
    case ENOSPC, EDQUOT: return .transient(.noSpace, message + "; make room on that file system")
    default: return .transient(.fileSystemError, message + remedy(errorNumber))
    }
}

/// Says what a shim could not do, precisely.
func failure(_ refusal: LaunchRefusal, _ launch: ShimLaunch) -> Failure {
    let number = refusal.errorNumber
    let why = SystemError(number).text + remedy(number)
    let isLasting = ![EAGAIN, ENOMEM, ENFILE, EMFILE, EINTR, ENOSPC, EIO, ETXTBSY].contains(number)
    let persistence: Failure.Persistence = isLasting ? .permanent : .transient
    func startFailed(_ what: String) -> Failure { Failure(.startFailed, "\(what): \(why)", persistence) }

    switch refusal.stage {
    case .exec: return execFailure(number, launch)
    case .directory:
        return startFailed("cannot enter the working directory \(launch.workingDirectory)")
    case .user:
        return startFailed(
            "cannot become user \(launch.user.map { String($0.user) } ?? "?"); ERA must be root for that"
        )
    case .mount:
        let targets = launch.mounts.map(\.target).joined(separator: ", ")
        return startFailed("cannot mount the volumes at \(targets)")
    case .limit: return startFailed("cannot set the limits of runtime.config.rlimits; a hard limit is lower")
    case .privileges: return startFailed("cannot drop privileges")
    case .descriptors: return startFailed("cannot arrange the descriptors of the workload")
    case .fork: return Failure(.startFailed, "cannot fork: \(why)", .transient)
    case .cgroup: return Failure(.startFailed, "cannot enter the control group: \(why)", .transient)
    case .launcher:
        let how = number == 0 ? "left nothing behind" : "ended with exit code \(number)"
        return Failure(.startFailed, "\(launch.executable), which was to start it, \(how)", .transient)
    case .state, .log, .control:
        let code: Failure.Code = number == ENOSPC ? .noSpace : .fileSystemError
        return Failure(code, "the supervisor cannot write its \(refusal.stage): \(why)", .transient)
    case .configuration, .unknown:
        return .permanent(
            .internalFault,
            "the supervisor does not understand its configuration; era and era-shim must be of one version"
        )
    }
}

private func execFailure(_ number: Int32, _ launch: ShimLaunch) -> Failure {
    let command = launch.arguments.first ?? launch.executable
    let what =
        "cannot run \(command) (\(launch.executable) in \(launch.workingDirectory)): \(SystemError(number).text)"
    switch number {
    case ENOENT:
        return .permanent(
            .commandMissing,
            what + "; the file, or the interpreter that its first line names, is missing"
        )
    case EACCES:
        return .permanent(.commandMissing, what + "; the file must be executable, and reachable for the user")
    case ENOEXEC:
        return .permanent(
            .startFailed,
            what + "; it is neither a program for this machine nor a script with #!"
        )
    case E2BIG: return .permanent(.startFailed, what + "; arguments and environment are too long")
    case EAGAIN, ENOMEM, EMFILE, ENFILE, ETXTBSY, EIO:
        return .transient(.startFailed, what + remedy(number))
    default: return .permanent(.startFailed, what)
    }
}
