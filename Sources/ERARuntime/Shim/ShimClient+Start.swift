internal import CLinux
internal import ERAContracts
internal import ERACore
internal import ERALinux
internal import Glibc

extension ShimClient {
    /// Starts a shim with a workload; leaves alone what runs.
    ///
    /// Never two at a time: the shim inherits a lock that is taken before it is started.
    /// - Throws: ``Failure``: `CommandMissing`, `StartFailed`, `PortTaken`, `FileSystemError`, …
    func start(_ launch: ShimLaunch, _ id: InstanceID) async throws {
        let place = place(id)
        switch try await status(id) {
        case .running: return
        case .stopping:
            throw Failure.transient(.startFailed, "cannot start \(id) while it is still being stopped")
        case .absent:
            throw Failure.transient(.startFailed, "cannot start \(id): it is not installed")
        case .installed, .exited: break
        }
        guard let lock = try await takeLock(place) else { return }
        defer { close(lock) }
        if let record = try currentRecord(place), !record.phase.isFinal {
            // Its shim was killed; what it left behind would be the second copy.
            let left = try await sweep(place, workload: record.workload).run(signal: SIGKILL, grace: .zero)
            guard left.isEmpty else {
                throw Failure.transient(
                    .stopStuck,
                    "cannot start \(id): \(left.count) of its processes do not end"
                )
            }
        }
        do {
            try await launchShim(launch, place, lock: lock)
        } catch {
            // A group in which something runs after all stays.
            options.groups?.remove(place.name)
            throw error
        }
    }

    /// Waits until no shim has the instance, of which nobody may know yet: a daemon may have been killed, or
    /// a start cut off, while one was started.
    ///
    /// - Returns: A descriptor to close; nil when the workload runs after all.
    /// - Throws: ``Failure``, transient, where one keeps it.
    func takeLock(_ place: ShimPlace) async throws -> Int32? {
        let descriptor = open(place.lockPath, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw failure("open", place.lockPath) }
        var waited = Duration.zero
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            if case .running = try await status(place.instance) {
                close(descriptor)
                return nil
            }
            guard waited < Self.answerLimit, !Task.isCancelled else {
                close(descriptor)
                throw hung(place)
            }
            do {
                try await options.clock.sleep(for: .milliseconds(5))
            } catch {
                close(descriptor)
                throw error
            }
            waited += .milliseconds(5)
        }
        return descriptor
    }

    private func launchShim(_ launch: ShimLaunch, _ place: ShimPlace, lock: Int32) async throws {
        makeDirectories(place)
        let holders = await holders(place)
        let wanted = Set(
            launch.sockets.flatMap { [$0.address, ReservedPorts.prefix + $0.address] }
                + (launch.reserved?.ports.map(\.address) ?? [])
        )
        for holder in holders {
            let others = holder.sockets.filter { !wanted.contains($0.address) }
            for socket in others { close(socket.descriptor) }
            // What the workload opens by itself must be free before it starts. What it is to be given stays:
            // until it runs nobody else has it but us.
            if holder.name.contains(".h") { await release(others.map(\.address), of: holder.name, place) }
        }
        let held = holders.flatMap { $0.sockets.filter { wanted.contains($0.address) } }
        var open = held.map(\.descriptor)
        defer { for descriptor in open { close(descriptor) } }

        var passed: [Int32] = []
        for socket in launch.sockets {
            if let descriptor = try listening(socket, among: held) {
                passed.append(descriptor)
            } else {
                let descriptor = try bind(socket)
                open.append(descriptor)
                passed.append(descriptor)
            }
        }
        passed += launch.reserved?.ports.map(\.descriptor) ?? []
        let link = try spawn(configuration(launch, place), place, lock: lock, sockets: passed)
        guard let answer = await link.wait(within: Self.launchLimit, until: { $0.answers > 0 || $0.isClosed })
        else {
            forget(place.instance)
            try Task.checkCancellation()
            throw hung(place)
        }
        if let refusal = answer.refusal {
            forget(place.instance)
            throw failure(refusal, launch)
        }
        guard answer.record != nil else {
            forget(place.instance)
            throw Failure.transient(
                .startFailed,
                "the supervisor of \(place.instance) ended before it could start it"
            )
        }
        // Only now: a crash before this leaves the sockets with whoever had them.
        for holder in holders { await release(holder.name, place) }
    }

    private func makeDirectories(_ place: ShimPlace) {
        // What is missing afterwards is what the shim reports.
        mkdir(options.runDirectory, 0o700)
        mkdir(place.runDirectory, 0o700)
        mkdir(place.logDirectory, 0o700)
    }

    private func configuration(_ launch: ShimLaunch, _ place: ShimPlace) -> ShimConfiguration {
        var configuration = ShimConfiguration()
        configuration.append("S", place.shimDirectory)
        configuration.append("L", place.logDirectory)
        configuration.append("R", place.runDirectory)
        configuration.append("N", place.name)
        configuration.append("B", options.bootID)
        configuration.append("e", "\(ProcessCensus.variable)=\(place.name)")
        configuration.append(launch)
        let restrictions: [String]
        if let launcher = launch.launcher {
            // It makes the group itself; the shim ends what is in it.
            if let groups = options.groups { configuration.append("g", groups.path(place.name)) }
            restrictions = launcher.restrictions
        } else if let groups = options.groups, let missing = groups.make(place.name, launch.resources) {
            configuration.append("g", groups.path(place.name))
            restrictions = missing
        } else {
            restrictions = ControlGroups.restrictions(without: launch.resources)
        }
        for restriction in restrictions { configuration.append("v", restriction) }
        return configuration
    }

    private func spawn(
        _ configuration: ShimConfiguration,
        _ place: ShimPlace,
        lock: Int32,
        sockets: [Int32]
    ) throws -> ShimLink {
        let file = era_spawn_memory_file("era-shim", configuration.bytes, configuration.bytes.count)
        guard file >= 0 else { throw failure("make a memory file for", place.instance.description) }
        defer { close(file) }
        var ours: Int32 = -1
        var theirs: Int32 = -1
        guard era_spawn_socket_pair(&ours, &theirs) == 0 else {
            throw failure("make a socket for", place.instance.description)
        }
        defer { close(theirs) }
        let descriptors = [theirs, file, lock] + sockets
        let error = withCArguments([options.shimPath, place.instance.description]) { arguments in
            var environment: UnsafeMutablePointer<CChar>?
            return era_spawn_detached(
                options.shimPath,
                arguments,
                &environment,
                descriptors,
                Int32(descriptors.count)
            )
        }
        guard error == 0 else {
            close(ours)
            let message =
                "cannot run the supervisor \(options.shimPath): \(SystemError(error).text)\(remedy(error))"
            let isLasting = error == ENOENT || error == EACCES || error == ENOEXEC
            throw Failure(.startFailed, message, isLasting ? .permanent : .transient)
        }
        return adopt(ours, place.instance)
    }

    private func bind(_ socket: ShimLaunch.Socket) throws -> Int32 {
        let descriptor = era_spawn_listen(
            socket.host,
            UInt16(truncatingIfNeeded: socket.port),
            socket.isUDP ? 1 : 0
        )
        guard descriptor < 0 else { return descriptor }
        throw refusal(socket, errno)
    }

    /// Why a socket cannot be had.
    func refusal(_ socket: ShimLaunch.Socket, _ error: Int32) -> Failure {
        let what =
            "cannot listen on \(socket.host):\(socket.port) for port \(socket.name): \(SystemError(error).text)"
        switch error {
        case EADDRINUSE:
            return .transient(.portTaken, what + "; end the program that has it, or choose another")
        case EACCES: return .permanent(.startFailed, what + "; ports below 1024 need root")
        case EINVAL, EADDRNOTAVAIL:
            return .permanent(.startFailed, what + "; no interface has that address")
        default: return .transient(.startFailed, what)
        }
    }
}
