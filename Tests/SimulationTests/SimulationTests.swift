import ERACore
import ERATestKit
import Glibc
import Testing

/// Seeds come from the environment so that `make simulate` can ask for more, or for one again.
private enum Seeds {
    static let first = number("ERA_SEED_FIRST") ?? 1
    static let count = number("ERA_SEEDS") ?? 2000

    private static func number(_ name: String) -> UInt64? {
        getenv(name).flatMap { UInt64(String(cString: $0)) }
    }
}

@Suite struct SimulationTests {
    @Test func `no promise is broken whatever fails, and all converges when faults end`() {
        let clock = ContinuousClock()
        let start = clock.now
        var failures: [Simulation.Report] = []
        var crashes = 0
        var jobs = 0
        for seed in Seeds.first..<Seeds.first + Seeds.count {
            let report = Simulation(seed: seed).run()
            crashes += report.crashes
            jobs += report.jobs
            if !report.violations.isEmpty { failures.append(report) }
        }
        let seconds = (clock.now - start) / .seconds(1)
        print(
            "simulated \(Seeds.count) seeds with \(crashes) crashes and \(jobs) jobs in \(seconds) s, "
                + "\(Double(Seeds.count) / seconds) seeds/s"
        )
        for report in failures.prefix(5) {
            print("seed \(report.seed): replay with: make simulate SEED=\(report.seed)")
            print(report.trace.suffix(60).joined(separator: "\n"))
        }
        #expect(failures.map { "\($0.seed): \($0.violations.first ?? "")" } == [])
    }

    @Test func `the same seed gives the same run`() {
        for seed in Seeds.first..<Seeds.first + 20 {
            #expect(Simulation(seed: seed).run() == Simulation(seed: seed).run())
        }
    }
}
