import ERACore
import ERAEngine
import ERAContracts

/// Short stories that are told again and again, with a crash at another point each time.
public enum Scenario: String, CaseIterable, Sendable {
    case install, update, failingInstall, failingUpdate, deletion, rollbackByHand
}

extension Simulation {
    /// Tells a story without any fault but one crash, and a restart after it.
    ///
    /// - Parameter crashPoint: Which of the points where the process could end: before or after each
    ///   journal write, each flush, each effect.
    /// - Returns: What was found; and whether the story got to the crash.
    public static func play(_ scenario: Scenario, crashPoint: Int) -> (report: Report, didCrash: Bool) {
        let simulation = Simulation(seed: UInt64(crashPoint), crashPoint: crashPoint)
        simulation.faults.turnOff()
        simulation.boot()
        simulation.tell(scenario)
        simulation.checkEnd()
        return (simulation.end(), simulation.faults.hasReachedCrashPoint)
    }

    private func tell(_ scenario: Scenario) {
        var app = SimulatedDeployment(index: 0)
        app.hasProbe = false
        switch scenario {
        case .install:
            live(with: app)
            expect(app, .running, serving: 1, starts: [1: 1])
        case .update:
            live(with: app)
            app.minor = 1
            live(with: app)
            expect(app, .running, serving: 2, starts: [1: 1, 2: 1])
        case .failingInstall:
            app.behaviour = .unstartable
            live(with: app)
            expect(app, .failed, serving: nil, starts: [:])
        case .failingUpdate:
            live(with: app)
            (app.minor, app.behaviour) = (1, .unstartable)
            live(with: app)
            expect(app, .running, serving: 1, starts: [1: 2])
        case .deletion:
            let other = SimulatedDeployment(index: 1)
            put(other)
            live(with: app)
            remove(app)
            live()
            live()
            expect(app, nil, serving: nil, starts: [1: 1])
        case .rollbackByHand:
            live(with: app)
            app.minor = 1
            live(with: app)
            // Whoever got no answer asks again.
            for _ in 0..<3 where served(app) == 2 {
                ask { [key = app.key] in _ = try await $0.request(.rollback(to: RevisionNumber(1)), for: key)
                }
                live()
            }
            expect(app, .running, serving: 1, starts: [1: 2, 2: 1])
        }
    }

    private func live(with deployment: SimulatedDeployment) {
        put(deployment)
        live()
    }

    /// Lets two minutes go by.
    private func live() {
        let start = clock.now().uptime
        while clock.now().uptime - start < .seconds(120), violations.isEmpty {
            settle()
            checkSafety()
            pass(.seconds(30))
        }
        settle()
        disk.flushDeferred()
        checkSafety()
    }

    private func served(_ app: SimulatedDeployment) -> Int? {
        disk.contents.records[app.key]?.record.servedRevision?.rawValue
    }

    /// - Parameter phase: Nil: it is gone, and its tombstone too.
    /// - Parameter starts: How often each revision may have been started: a crash of ERA restarts nothing.
    private func expect(_ app: SimulatedDeployment, _ phase: Phase?, serving: Int?, starts: [Int: Int]) {
        let found = disk.contents.records[app.key]?.record.phase
        if found != phase || served(app) != serving {
            violations.append(
                "\(app.key) is \(String(describing: found)), expected \(String(describing: phase))"
            )
        }
        for revision in 1...2 {
            let count = host.starts(of: InstanceID(app.key, RevisionNumber(revision)))
            if count != starts[revision] ?? 0 {
                violations.append("revision \(revision) was started \(count) times")
            }
        }
    }
}
