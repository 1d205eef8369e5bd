import ERAContracts
package import ERACore

/// What a source's files mean for the deployments that are known: decided here, done elsewhere.
struct IngestPlan: Equatable {
    /// One deployment that a file declares.
    struct Wanted: Equatable {
        var deployment: Deployment
        var path: String
    }

    /// What a plan is made of.
    struct Input {
        var source: SourceID
        /// Every deployment that a file of the source declares, more than once where several do.
        var declared: [Wanted]
        /// Keys that files mention which cannot be used now: no reason to delete what runs.
        var mentioned: Set<DeploymentKey>
        /// Files that cannot be used now: what they declared before stays.
        var unusable: Set<String>
        /// The known deployments that are not deleted, with what they were declared as.
        var known: [DeploymentKey: Known]
        /// Deployments of other sources' latest snapshots.
        var claimed: [DeploymentKey: Origin]
        /// Keys that other sources declare, whoever owns them.
        var wantedElsewhere: Set<DeploymentKey> = []
        /// A file is new and still being written: in a moment it may declare what seems to be gone.
        var hasUnknownFile = false
        /// Files that nobody can read, and never could: each may declare what seems to be gone.
        var unreadable: [String] = []
        /// What was deleted within ``pruneWindow`` because the source had
        /// given it up, without a person's word.
        var recentlyPruned: Set<DeploymentKey> = []
        /// Deletions that were held before: they wait for a person, or for
        /// their file, however long that takes.
        var heldBefore: Set<DeploymentKey> = []
        /// Deletions that a person has confirmed.
        var confirmed: Set<DeploymentKey>
    }

    struct Known: Equatable {
        var origin: Origin
        var isBeingRemoved: Bool
        var dependencies: [DeploymentKey]
    }

    struct Problem: Equatable {
        var path: String
        /// The deployment that it is about, where it is one.
        var key: DeploymentKey?
        var message: String
    }

    var declare: [Wanted] = []
    var delete: [DeploymentKey] = []
    /// Deletions that look like an accident and wait for a person.
    var held: [DeploymentKey] = []
    /// Deletions that wait until a file can be read, or for a person.
    var blocked: [DeploymentKey] = []
    /// Deletions that a person has confirmed and that cannot be done yet.
    var confirmed: Set<DeploymentKey> = []
    /// The source has given them up, and another declares them: that one may have them as they run.
    var released: [DeploymentKey] = []
    var problems: [Problem] = []

    init(_ input: Input) {
        let byKey = Dictionary(grouping: input.declared) { $0.deployment.key }
        var candidates: [DeploymentKey: Wanted] = [:]
        for (key, wanted) in byKey.sorted(by: { $0.key < $1.key }) {
            if wanted.count > 1 {
                refuseDuplicates(key, wanted)
            } else if let other = claimant(key, input) {
                problems += wanted.map {
                    Problem(
                        path: $0.path,
                        key: key,
                        message: "\(key) is declared in \(other) already; change it there"
                    )
                }
            } else {
                candidates[key] = wanted[0]
            }
        }
        refuseCycles(&candidates, input)
        declare = candidates.values.sorted { $0.deployment.key < $1.deployment.key }
        planPrunes(Set(byKey.keys).union(input.mentioned), input)
    }

    /// Neither of several declarations of one name counts; what runs stays.
    private mutating func refuseDuplicates(_ key: DeploymentKey, _ wanted: [Wanted]) {
        let paths = wanted.map(\.path).sorted()
        for path in Set(paths).sorted() {
            let others = Set(paths).subtracting([path]).sorted()
            let where_ =
                others.isEmpty
                ? "more than once in this file" : "in \(others.joined(separator: ", ")) as well"
            problems.append(
                Problem(
                    path: path,
                    key: key,
                    message: "\(key) is declared \(where_); none of them is applied, remove one"
                )
            )
        }
    }

    /// Who else declares the deployment and has the right to.
    private func claimant(_ key: DeploymentKey, _ input: Input) -> Origin? {
        if let claim = input.claimed[key] { return claim }
        guard let known = input.known[key], known.origin.source == SourceID.api.rawValue,
            !known.isBeingRemoved
        else { return nil }
        return known.origin
    }

    /// A deployment on a cycle of `dependsOn` would wait for itself.
    private mutating func refuseCycles(_ candidates: inout [DeploymentKey: Wanted], _ input: Input) {
        var edges = input.known.mapValues(\.dependencies)
        for (key, wanted) in candidates { edges[key] = wanted.deployment.dependencies }
        for tangle in keysOnCycles(edges) {
            let shared =
                tangle.count > ownCircleLimit
                ? tangle.min().flatMap { cycle(from: $0, edges, within: tangle) } : nil
            for key in tangle.sorted() {
                guard let wanted = candidates.removeValue(forKey: key) else { continue }
                let circle = shared ?? cycle(from: key, edges, within: tangle) ?? []
                problems.append(
                    Problem(
                        path: wanted.path,
                        key: key,
                        message: "spec.dependsOn of \(key) goes in a circle: \(circleText(circle))"
                    )
                )
            }
        }
        problems.sort { ($0.path, $0.message) < ($1.path, $1.message) }
    }

    /// Deletes what the source declared and declares no more, unless that looks like an accident.
    private mutating func planPrunes(_ present: Set<DeploymentKey>, _ input: Input) {
        let owned = input.known.filter {
            $0.value.origin.source == input.source.rawValue && !$0.value.isBeingRemoved
        }
        let gone = owned.filter { key, known in
            !present.contains(key) && !(known.origin.path.map(input.unusable.contains) ?? false)
                && input.claimed[key] == nil
        }.keys.sorted()
        released = gone.filter(input.wantedElsewhere.contains)
        let missing = gone.filter { !input.wantedElsewhere.contains($0) }
        let unconfirmed = missing.filter { !input.confirmed.contains($0) }
        guard !input.hasUnknownFile else {
            held = unconfirmed.filter(input.heldBefore.contains)
            confirmed = input.confirmed.intersection(missing)
            return
        }
        let recent = input.recentlyPruned.subtracting(present).subtracting(owned.keys).count
        let isAccident = pruneNeedsConfirmation(unconfirmed.count + recent, of: owned.count + recent)
        held = unconfirmed.filter { isAccident || input.heldBefore.contains($0) }
        delete = missing.filter(input.confirmed.contains)
        let rest = unconfirmed.filter { !isAccident && !input.heldBefore.contains($0) }
        if input.unreadable.isEmpty {
            delete = (delete + rest).sorted()
        } else if !rest.isEmpty {
            block(rest, input.unreadable)
        }
    }

    private mutating func block(_ keys: [DeploymentKey], _ unreadable: [String]) {
        blocked = keys
        let names = keys.prefix(namesTextLimit).map(\.description).joined(separator: ", ")
        let more = keys.count > namesTextLimit ? " and \(keys.count - namesTextLimit) more" : ""
        problems += unreadable.map { path in
            Problem(
                path: path,
                message:
                    "nobody can tell whether this file declares what is gone elsewhere, so it is not deleted: "
                    + "\(names)\(more); make the file readable or remove it, or confirm: era prune --confirm"
            )
        }
    }
}

/// The most names that a message lists.
private let namesTextLimit = 8

/// How far back the prune guard looks: what was removed one by one within
/// this time counts as removed at once.
///
/// On the clock of the engine, which does not jump. Long enough for a loop that removes a file a second and
/// for a directory of 1,000; short enough that what somebody removes now and then is nobody's business.
let pruneWindow = Duration.seconds(300)

/// Whether so many deletions within ``pruneWindow`` look like an accident: all, or more than one and more
/// than 30 % of what there was at its beginning.
func pruneNeedsConfirmation(_ missing: Int, of owned: Int) -> Bool {
    missing > 0 && (missing == owned || missing > 1 && missing * 10 > owned * 3)
}

extension Deployment {
    /// What it depends on, with the namespace filled in.
    package var dependencies: [DeploymentKey] {
        spec.dependsOn.map { DeploymentKey(namespace: $0.namespace ?? metadata.namespace, name: $0.name) }
    }
}
