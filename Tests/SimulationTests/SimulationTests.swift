import ERACore
import ERATestKit
import Testing

@Suite struct SimulationTests {
    /// What must have happened in so many worlds, or the simulator has gone blind.
    private static let expected: [String] =
        Phase.allCases.map { "phase \($0)" } + [
            "quarantine", "adoption", "reboot", "suspension", "degraded", "store recovered", "prune held",
            "workload killed", "call hung", "call cancelled", "resumed", "resumed after reboot",
            "tombstone collected", "step failed: Timeout", "event deadlineExceeded", "event bakeCompleted",
            "event becameUnhealthy", "event instanceExited", "event deletionRequested", "request retry",
            "request rollback", "request accept", "request restart", "request hold", "request release",
            "waits: DependenciesNotReady", "waits: DependentsExist", "waits: RetryBackOff",
            "waits: CrashBackOff", "waits: StoreDegraded", "waits: Suspended", "waits: RolledBack",
        ]

    @Test func `no promise is broken whatever fails, and all converges when faults end`() async {
        let clock = ContinuousClock()
        let start = clock.now
        let reports = await Seeds.run { Simulation(seed: $0).run() }
        let seconds = (clock.now - start) / .seconds(1)
        let crashes = reports.map(\.crashes).reduce(0, +)
        let jobs = reports.map(\.jobs).reduce(0, +)
        let rate = (Double(reports.count) / seconds * 10).rounded() / 10
        print(
            "simulated \(reports.count) seeds with \(crashes) crashes and \(jobs) jobs in \(seconds) s: "
                + "\(rate) seeds/s; at most \(reports.map(\.calmJobs).max() ?? 0) jobs to converge"
        )
        let failures = reports.filter { !$0.violations.isEmpty }
        for report in failures.prefix(5) { show(report) }
        if reports.count == 1, let only = reports.first { print(only.trace.joined(separator: "\n")) }
        #expect(failures.map { "\($0.seed): \($0.violations.first ?? "")" } == [])

        var counts: [String: Int] = [:]
        for report in reports { counts.merge(report.counts, uniquingKeysWith: +) }
        if reports.count >= 1000 {
            #expect(Self.expected.filter { counts[$0, default: 0] < 3 } == [], "seen too rarely: \(counts)")
        }
    }

    private func show(_ report: Simulation.Report) {
        print("seed \(report.seed): replay with: make simulate SEED=\(report.seed)")
        print(report.trace.suffix(40).joined(separator: "\n"))
        print(report.violations.joined(separator: "\n"))
    }

    @Test(.enabled(if: Seeds.areMany), arguments: Sabotage.allCases)
    func `a broken world is noticed within a few hundred seeds`(_ sabotage: Sabotage) {
        let caught = (1...300).first { !Simulation(seed: $0, sabotage: sabotage).run().violations.isEmpty }
        print("\(sabotage) was noticed with seed \(caught.map(String.init) ?? "none")")
        #expect(caught != nil)
    }

    @Test(.enabled(if: Seeds.areMany), arguments: Scenario.allCases)
    func `a crash at any point of a story changes nothing about its end`(_ scenario: Scenario) {
        var point = 1
        while true {
            let (report, didCrash) = Simulation.play(scenario, crashPoint: point)
            if !report.violations.isEmpty {
                print(report.trace.joined(separator: "\n"))
                Issue.record("\(scenario), crash at point \(point): \(report.violations)")
                return
            }
            guard didCrash else { break }
            point += 1
        }
        // A story without points to crash at would prove nothing.
        #expect(point > 20)
        print("\(scenario) was told \(point) times, with a crash at each of \(point - 1) points")
    }
}
