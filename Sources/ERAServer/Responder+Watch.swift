import ERAAPI
import ERAContracts
import ERACore
import HTTPTypes
import HummingbirdCore
import NIOCore
import Synchronization

extension Responder {
    func listOrWatch(_ namespace: NamespaceName?, _ call: Call) async throws -> Response {
        let choice = try Choice(namespace, call.address)
        return try await call.address.flag("watch") ? watch(choice, call) : list(choice, call)
    }

    /// What exists where the client has no version yet, then what changes.
    ///
    /// Only the present version is kept: who asks for the changes since an older one is told to list again.
    private func watch(_ choice: Choice, _ call: Call) async throws -> Response {
        let wantsInitialEvents = try call.address.flag("sendInitialEvents")
        let asked = try call.address.text("resourceVersion").map(ResourceVersion.init(query:))
        let bookmarks = try call.address.flag("allowWatchBookmarks")
        let stream = try stream(call, tickInterval: bookmarks ? options.limits.bookmarkInterval : nil)
        let table = try tableInclusion(call)
        // A request that is wrong by itself, or has no place, begins no watch.
        let (list, changes) = await controlPlane.watch()
        let isFromStart = wantsInitialEvents || asked == nil || asked == ResourceVersion(0)
        if let asked, asked != ResourceVersion(0) {
            if asked > list.resourceVersion {
                throw APIStatus.tooLargeVersion(asked, current: list.resourceVersion)
            }
            if asked < list.resourceVersion, !wantsInitialEvents {
                throw APIStatus.expired(asked, current: list.resourceVersion)
            }
        }
        let narrator = WatchNarrator(
            choice: choice,
            table: table,
            now: now,
            list: list
        )
        var head = isFromStart ? narrator.initialEvents(list) : []
        if wantsInitialEvents { head.append(narrator.bookmark(endsInitialEvents: true)) }
        return Response(
            status: .ok,
            headers: [.contentType: "application/json"],
            body: stream.body(head: head, changes) { signal in
                switch signal {
                case .element(let change): narrator.line(for: change)
                case .tick: narrator.bookmark(endsInitialEvents: false)
                case .end: nil
                }
            }
        )
    }

    /// A stream that takes one of the places for watchers.
    /// - Throws: ``APIStatus`` 429 when none is left.
    func stream(_ call: Call, tickInterval: Duration? = nil) throws -> StreamBody {
        guard let place = streams.enter() else {
            throw APIStatus.tooManyRequests(
                "there are \(options.limits.watcherLimit) watchers already; end one, or try again later"
            )
        }
        return StreamBody(
            channel: call.channel,
            place: place,
            stallTimeLimit: options.limits.stallTimeLimit,
            tickInterval: tickInterval,
            timeLimit: try call.address.number("timeoutSeconds").flatMap { $0 > 0 ? .seconds($0) : nil }
        )
    }
}

/// Tells one watcher what changes, in its words: what enters its selection is added, what leaves it deleted.
///
/// A class, because the closure that writes the stream shares it; only one write happens at a time.
final class WatchNarrator: Sendable {
    private struct State {
        /// The deployments that the watcher knows of.
        var known: Set<DeploymentKey>
        var version: ResourceVersion
        var definesColumns = true
    }

    private let choice: Choice
    private let table: DeploymentTable.Inclusion?
    private let now: @Sendable () -> Timestamp
    private let state: Mutex<State>

    init(
        choice: Choice,
        table: DeploymentTable.Inclusion?,
        now: @escaping @Sendable () -> Timestamp,
        list: DeploymentList
    ) {
        self.choice = choice
        self.table = table
        self.now = now
        let known = Set(list.views.filter(choice.includes).map(\.record.key))
        state = Mutex(State(known: known, version: list.resourceVersion))
    }

    /// What exists, as if it had just been added.
    func initialEvents(_ list: DeploymentList) -> [ByteBuffer] {
        list.views.filter(choice.includes).map { line("ADDED", $0) }
    }

    /// Nil for what does not concern the watcher.
    func line(for change: DeploymentChange) -> ByteBuffer? {
        let key = change.view.record.key
        let isWanted = change.kind != .deleted && choice.includes(change.view)
        let wasKnown = state.withLock { state in
            state.version = max(state.version, change.view.resourceVersion)
            return isWanted ? !state.known.insert(key).inserted : state.known.remove(key) != nil
        }
        switch (wasKnown, isWanted) {
        case (false, true): return line("ADDED", change.view)
        case (true, true): return line("MODIFIED", change.view)
        case (true, false): return line("DELETED", change.view)
        case (false, false): return nil
        }
    }

    func bookmark(endsInitialEvents: Bool) -> ByteBuffer {
        ByteBuffer(
            line: WatchEvent.bookmark(
                kind: table == nil ? APIGroup.kind : "Table",
                apiVersion: table == nil ? APIGroup.apiVersion : "meta.k8s.io/v1",
                resourceVersion: state.withLock { $0.version }.description,
                endsInitialEvents: endsInitialEvents
            )
        )
    }

    private func line(_ type: String, _ view: DeploymentView) -> ByteBuffer {
        let now = now()
        let object = view.object(at: now)
        guard let table else { return ByteBuffer(line: ["type": .string(type), "object": object.json]) }
        let isFirst = state.withLock { state in
            defer { state.definesColumns = false }
            return state.definesColumns
        }
        let rows = DeploymentTable.json(
            [object],
            resourceVersion: object.resourceVersion,
            including: table,
            definesColumns: isFirst,
            now: now.wall
        )
        return ByteBuffer(line: ["type": .string(type), "object": rows])
    }
}
