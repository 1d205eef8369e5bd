import ERAAPI
import ERACore
import Synchronization

/// The terminal of a daemon in the foreground: a table at the bottom, and log lines that scroll above it.
///
/// A class, since log lines come from every thread.
final class Screen: Sendable {
    private struct State {
        var table: LiveTable
        var objects: [DeploymentObject] = []
        var isEnded = false
    }

    let isLive: Bool
    private let state: Mutex<State>

    init(isLive: Bool) {
        self.isLive = isLive
        let columns = DeploymentRow.Columns(showsNamespace: false)
        state = Mutex(State(table: LiveTable(isTerminal: true, style: .output, columns: columns)))
    }

    /// Writes a line of talk, above the table.
    func note(_ line: String) {
        state.withLock { state in
            guard isLive, !state.isEnded else { return Console.noteLine(line) }
            Console.output(state.table.erase(size: Terminal.size()) + line + "\r\n")
            Console.output(state.table.frame(state.objects, now: .now(), size: Terminal.size()))
        }
    }

    /// Shows these deployments in the place of the last ones.
    func show(_ objects: [DeploymentObject]) {
        state.withLock { state in
            guard isLive, !state.isEnded else { return }
            state.objects = objects
            Console.output(state.table.frame(objects, now: .now(), size: Terminal.size()))
        }
    }

    /// Leaves the last table where it is; what follows is written below it.
    func end() { state.withLock { $0.isEnded = true } }
}
