import ERAContracts
import ERACore

/// One probe that is due.
struct ProbeJob: Sendable {
    /// At most one is under way for each.
    struct ID: Hashable, Sendable {
        let key: DeploymentKey
        let revision: RevisionNumber
        let startedAt: Uptime
        let watch: Int
        let kind: ProbeKind
    }

    let key: DeploymentKey
    let revision: RevisionNumber
    /// Names the start that is probed: an outcome for an earlier one counts for nothing.
    let startedAt: Uptime
    /// Names the monitor that asked: the same start has another one after it could not be observed.
    let watch: Int
    let kind: ProbeKind
    let spec: ProbeSpec

    var id: ID { ID(key: key, revision: revision, startedAt: startedAt, watch: watch, kind: kind) }

    /// Whether it is this monitor that asked.
    func isFor(_ watched: Entry.Watched?) -> Bool {
        watched?.startedAt == startedAt && watched?.serial == watch
    }
}

/// Probes run beside the passes; their outcomes only feed the monitors and wake the deployment.
extension Engine {
    /// Queues the probes that are due now.
    func startProbes(_ key: DeploymentKey) {
        guard var entry = entries[key] else { return }
        let now = seams.clock.now().uptime
        for revision in entry.watched.keys.sorted() {
            guard var watched = entry.watched[revision] else { continue }
            for (kind, spec) in watched.monitor.begin(at: now) {
                pendingProbes.append(
                    ProbeJob(
                        key: key,
                        revision: revision,
                        startedAt: watched.startedAt,
                        watch: watched.serial,
                        kind: kind,
                        spec: spec
                    )
                )
            }
            entry.watched[revision] = watched
        }
        entries[key] = entry
        if !pendingProbes.isEmpty { work.raise() }
    }

    func perform(_ job: ProbeJob) async {
        defer {
            probePlaces.giveBack(job.id)
            if !pendingProbes.isEmpty { work.raise() }
        }
        // It may have waited long, and its instance be gone: nothing is prepared for that one again.
        guard job.isFor(entries[job.key]?.watched[job.revision]) else { return }
        let begunAt = seams.clock.now().uptime
        let outcome: ProbeOutcome
        do {
            outcome = await seams.prober.probe(try await request(for: job))
        } catch {
            outcome = .failure("cannot be performed: \(error)")
        }
        guard var watched = entries[job.key]?.watched[job.revision], job.isFor(watched) else { return }
        let now = seams.clock.now().uptime
        if case .failure = outcome,
            now - begunAt > .seconds(job.spec.timeoutSeconds) + suspensionThreshold
        {
            // ERA stood still meanwhile, which says nothing of the workload: look afresh.
            entries[job.key]?.watched[job.revision] = nil
            return wake(job.key)
        }
        let before = watched.monitor.verdict
        let problem: String? = if case .failure(let problem) = outcome { problem } else { nil }
        watched.monitor.note(job.kind, problem, at: now)
        entries[job.key]?.watched[job.revision] = watched
        if watched.monitor.verdict != before { wake(job.key, isUrgent: true) }
        setTimer(job.key)
    }

    private func request(for job: ProbeJob) async throws -> ProbeRequest {
        guard let record = entries[job.key]?.record, let spec = record.revisions[job.revision]?.spec else {
            throw Failure.permanent(.internalFault, "revision \(job.revision) is not remembered")
        }
        let target: ProbeRequest.Target
        switch job.spec.handler {
        case .httpGet(let get):
            let port = try spec.resolve(get.port)
            target = .http(
                scheme: get.scheme,
                host: get.host ?? port.host,
                port: port.number,
                path: get.path,
                headers: get.headers
            )
        case .tcpSocket(let host, let reference):
            let port = try spec.resolve(reference)
            target = .tcp(host: host ?? port.host, port: port.number)
        case .exec(let command):
            // Only looked at: its purge may be under way, and nothing is to be fetched or made for a probe.
            let instance = try await seams.workspace.existing(
                InstanceID(job.key, job.revision),
                spec,
                artifact: record.artifacts[job.revision]
            )
            let environment = try await executor.plugin(spec).probeEnvironment(instance)
            target = .exec(command: environment.commandPrefix + command, environment: environment)
        }
        return ProbeRequest(target: target, timeout: .seconds(job.spec.timeoutSeconds))
    }
}

extension DeploymentSpec {
    /// Where a probe finds a port: a declared one at its own address, an
    /// address that means "all" at loopback.
    fileprivate func resolve(_ reference: PortReference) throws -> (host: String, number: Int) {
        switch reference {
        case .number(let number):
            return (Self.reachable(ports.first { $0.port == number }?.host), number)
        case .name(let name):
            guard let port = ports.first(where: { $0.name == name }) else {
                throw Failure.permanent(.invalidSpec, "no port is named \(name)")
            }
            return (Self.reachable(port.host), port.port)
        }
    }

    private static func reachable(_ host: String?) -> String {
        switch host {
        case nil, "0.0.0.0": "127.0.0.1"
        case "::": "::1"
        case .some(let host): host
        }
    }
}
