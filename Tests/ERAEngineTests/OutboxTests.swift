import ERAContracts
import ERACore
import Testing

@testable import ERAEngine

@Suite struct OutboxTests {
    private func notice(_ number: Int) -> Outbox.Item {
        .notice(
            EventNotice(
                key: DeploymentKey(name: DeploymentName(checked: "a")),
                uid: "uid",
                kind: .normal,
                reason: "Number\(number)",
                message: "",
                at: WallTime(sinceEpoch: .zero)
            )
        )
    }

    @Test func `what the store has taken already is not waited for`() async {
        var outbox = Outbox()
        for number in 1...3 { outbox.add(notice(number)) }
        #expect(outbox.added == 3)
        outbox.removeFirst()
        #expect(outbox.taken == 1)
        await withCheckedContinuation { outbox.wait(for: 1, $0) }
        #expect(outbox.taken == 1)
    }

    @Test func `items leave in the order in which they came`() {
        var outbox = Outbox()
        for number in 1...200 { outbox.add(notice(number)) }
        for number in 1...200 {
            guard case .notice(let notice)? = outbox.first else {
                Issue.record("nothing is left of 200 at \(number)")
                return
            }
            #expect(notice.reason == "Number\(number)")
            outbox.removeFirst()
        }
        #expect(outbox.first == nil)
        outbox.removeFirst()
        #expect(outbox.taken == 200)
    }

    @Test func `nobody waits for a closed outbox`() async {
        var outbox = Outbox()
        outbox.add(notice(1))
        outbox.close()
        await withCheckedContinuation { outbox.wait(for: 1, $0) }
        #expect(outbox.taken == 0)
    }
}
