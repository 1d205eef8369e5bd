internal import CLinux
internal import ERAContracts
internal import ERACore
internal import Glibc

/// Listening sockets that outlive workloads: a shim keeps them when its workload is gone, until the next
/// has them.
extension ShimClient {
    /// A shim that has sockets of a deployment.
    struct Holder: Sendable {
        let name: String
        var sockets: [(address: String, descriptor: Int32)]
    }

    /// Asks every shim of the deployment for its sockets. The caller closes them.
    func holders(_ place: ShimPlace) async -> [Holder] {
        var holders: [Holder] = []
        for name in namesInDirectory(place.runDirectory, prefix: place.deploymentTag + ".") {
            // Who does not answer holds nothing that could be had.
            if let sockets = await request("sockets", of: name, place) {
                holders.append(Holder(name: name, sockets: sockets))
            }
        }
        return holders
    }

    /// Tells a shim that holds nothing but sockets to let go of them; others ignore it.
    ///
    /// - Parameter isAwaited: Whether to wait until it has; one that ignores it costs the whole limit.
    func release(_ holder: String, _ place: ShimPlace, isAwaited: Bool = false) async {
        _ = await request("release", of: holder, place, untilEnd: isAwaited)
    }

    /// Tells a shim that holds nothing but sockets to let go of some of them, and of all where it cannot tell
    /// them apart: an older one.
    func release(_ addresses: [String], of holder: String, _ place: ShimPlace) async {
        for address in addresses {
            guard await request("release \(address)", of: holder, place) != nil else {
                return await release(holder, place, isAwaited: true)
            }
        }
    }

    /// Lets go of the sockets of a deployment, unless an instance other than this is still installed.
    ///
    /// - Throws: ``Failure`` when it cannot be told whether there is one.
    func releaseSockets(ofLast place: ShimPlace) async throws {
        let parent = place.directory.dropLast("/\(place.instance.revision)".utf8.count)
        let others = try allNamesInDirectory(String(parent)).contains { name in
            name != place.instance.revision.description && access("\(parent)/\(name)/shim", F_OK) == 0
        }
        if !others { await releaseSockets(place) }
    }

    /// Lets go of the sockets that are kept for a deployment's next instance.
    func releaseSockets(_ place: ShimPlace) async {
        for name in namesInDirectory(place.runDirectory, prefix: place.deploymentTag + ".")
        where name.contains(".h") { await release(name, place, isAwaited: true) }
    }

    /// One line and its answer on a connection of its own, with the descriptors beside it.
    private func request(
        _ line: String,
        of name: String,
        _ place: ShimPlace,
        untilEnd: Bool = false
    ) async -> [(address: String, descriptor: Int32)]? {
        let connection = era_spawn_connect(place.runDirectory, name)
        guard connection >= 0 else {
            // Nobody listens: what a shim that was killed has left.
            if errno == ECONNREFUSED, name.contains(".h") { unlink("\(place.runDirectory)/\(name)") }
            return nil
        }
        defer { close(connection) }
        guard Glibc.send(connection, line + "\n", line.utf8.count + 1, Int32(MSG_NOSIGNAL)) > 0
        else { return nil }
        guard await isReadable(connection, within: Self.answerLimit) else { return nil }
        var bytes = [UInt8](repeating: 0, count: ShimRecord.sizeLimit)
        var descriptors = [Int32](repeating: -1, count: 64)
        var count: Int32 = 0
        let length = era_spawn_receive(connection, &bytes, bytes.count, &descriptors, 64, &count)
        guard length > 0 else { return nil }
        if untilEnd { _ = await isReadable(connection, within: Self.answerLimit) }
        let lines = String(decoding: bytes[..<length], as: UTF8.self).split(separator: "\n")
        let received = descriptors[..<Int(count)]
        guard lines.count >= received.count else {
            for descriptor in received { close(descriptor) }
            return nil
        }
        return zip(lines, received).map { (String($0), $1) }
    }
}

extension ShimClient {
    /// Waits until a descriptor can be read. Looks again each millisecond: an answer takes a fraction of one.
    private func isReadable(_ descriptor: Int32, within limit: Duration) async -> Bool {
        var waited = Duration.zero
        while waited < limit {
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            if poll(&entry, 1, 0) > 0 { return true }
            // Cancelled: whoever waits does not care any more.
            guard (try? await options.clock.sleep(for: .milliseconds(1))) != nil else { return false }
            waited += .milliseconds(1)
        }
        return false
    }
}
