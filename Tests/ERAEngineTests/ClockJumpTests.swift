import ERACore
import Testing

@testable import ERATestKit

/// Deadlines, back-off, bake time and probes are measured by a clock that
/// nobody sets; the wall clock is only shown.
@Suite struct ClockJumpTests {
    /// A fact, and how long after the beginning it was noted.
    struct Fact: Hashable {
        var after: Duration
        var what: String
    }

    private static let year = Duration.seconds(365 * 24 * 3600)

    /// Everything that time decides, with the wall clock set anew every second.
    ///
    /// - Parameter jump: By how much, given how often it was set before.
    private func story(_ jump: (Int) -> Duration) throws -> [Fact] {
        let world = World(seed: 7)
        let start = world.clock.now().uptime
        var count = 0
        func live(_ seconds: Int) {
            for _ in 0..<seconds {
                let wall = world.clock.now().wall
                world.clock.setWall(WallTime(sinceEpoch: max(.zero, wall.sinceEpoch + jump(count))))
                count += 1
                world.pass(.seconds(1))
            }
        }
        func end(_ revision: Int) {
            let id = InstanceID(app().key, RevisionNumber(revision))
            world.host.exit(id, .code(1), at: world.clock.now().uptime)
            world.simulation.hint(id)
            world.settle()
        }
        world.put(app { $0.hasProbe = true }, app(1))
        live(10)
        // A bake time that passes, and one in which the version crashes.
        world.put(app { ($0.minor, $0.hasProbe) = (1, true) })
        live(10)
        world.put(app { ($0.minor, $0.hasProbe) = (2, true) })
        live(2)
        end(3)
        live(10)
        // Back-off between crashes.
        for _ in 0..<4 {
            end(2)
            live(15)
        }
        // Retries, and a progress deadline of two minutes.
        world.put(app { ($0.minor, $0.behaviour) = (3, .missing) })
        live(40)
        world.put(app { ($0.minor, $0.behaviour) = (4, .neverReady) })
        live(150)
        world.restart()
        live(40)
        world.remove(app())
        live(10)
        return (world.disk.journals[app().key] ?? []).map {
            Fact(after: $0.at.uptime - start, what: $0.kind.name)
        }
    }

    // reliability.md: "clock jumps (±10 years, 2 s back): timers are monotonic; wall time is only shown".
    @Test func `whatever the wall clock does, the same happens at the same moments`() throws {
        let calm = try story { _ in .zero }
        // The story has in it what is to be proven.
        for word in [
            "bakeCompleted", "instanceExited", "deadlineExceeded", "stepFailed", "deletionRequested",
        ] {
            #expect(calm.contains { $0.what.hasPrefix(word) }, "\(word)")
        }
        #expect(try story { $0 == 5 ? Self.year * 10 : .zero } == calm, "ten years ahead, once")
        #expect(try story { $0 == 5 ? Self.year * -10 : .zero } == calm, "ten years back, once")
        #expect(try story { _ in .seconds(-2) } == calm, "two seconds back, each second")
        #expect(
            try story { Self.year * ($0.isMultiple(of: 2) ? 10 : -10) } == calm,
            "to and fro, each second"
        )
        #expect(try story { _ in Self.year * -100 } == calm, "to 1970")
    }
}
