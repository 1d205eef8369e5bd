import ERAAPI
import ERACore
import Testing

@testable import era

@Suite struct `A row about a deployment` {
    private func texts(_ object: DeploymentObject, wide: Bool = false) -> [String] {
        let columns = DeploymentRow.Columns(showsNamespace: true, isWide: wide)
        return DeploymentRow(object).cells(columns, now: Samples.later(90)).map(\.text)
    }

    @Test(arguments: [false, true])
    func `has a cell for each column`(_ isWide: Bool) throws {
        let columns = DeploymentRow.Columns(showsNamespace: true, isWide: isWide)
        #expect(try texts(Samples.object(), wide: isWide).count == columns.header.count)
    }

    @Test func `shows the version that serves, and the declared one while none does`() throws {
        #expect(try texts(Samples.object(status: ["version": "0.9.0"]))[4] == "0.9.0")
        #expect(try texts(Samples.object())[4] == "1.0.0")
    }

    @Test(arguments: [
        (0, "0s"), (90, "90s"), (121, "2m1s"), (3600, "60m"), (7 * 86_400, "7d"), (-5, "0s"),
    ])
    func `tells its age as kubectl does`(_ seconds: Int, _ expected: String) throws {
        let columns = DeploymentRow.Columns(showsNamespace: false)
        let cells = DeploymentRow(try Samples.object()).cells(columns, now: Samples.later(seconds))
        #expect(cells[5].text == expected)
    }

    @Test func `tells how far a download has come`() throws {
        let half = try Samples.object(
            phase: "Fetching",
            status: ["progress": ["doneBytes": 1_572_864, "totalBytes": 3_145_728]]
        )
        #expect(DeploymentRow(half).message == "fetched 1.5 MiB of 3.0 MiB (50 %)")
        let unknown = try Samples.object(phase: "Fetching", status: ["progress": ["doneBytes": 812]])
        #expect(DeploymentRow(unknown).message == "fetched 812 B")
        let empty = try Samples.object(
            phase: "Fetching",
            status: ["progress": ["doneBytes": 0, "totalBytes": 0]]
        )
        #expect(DeploymentRow(empty).message == "fetched 0 B")
        let queued = try Samples.object(
            phase: "Fetching",
            status: ["progress": ["doneBytes": 0, "queued": true]]
        )
        #expect(DeploymentRow(queued).message == "waits for other downloads")
        let unpacking = try Samples.object(
            phase: "Installing",
            status: ["step": "Install", "progress": ["doneBytes": 512, "totalBytes": 1024]]
        )
        #expect(DeploymentRow(unpacking).message == "unpacked 512 B of 1.0 KiB (50 %)")
    }

    @Test(arguments: [
        (Int64(0), "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1 << 40, "1.0 TiB"), (.max, "7.9 EiB"),
    ])
    func `writes sizes for people`(_ bytes: Int64, _ expected: String) {
        #expect(DeploymentRow.size(ByteCount(bytes)) == expected)
    }

    @Test func `names the reason of a failure, of a rollback, of a wait`() throws {
        let failure: JSONValue = ["reason": "Exited", "message": "exit code 1", "transient": false]
        let failed = try Samples.object(phase: "Failed", isReady: false, status: ["failure": failure])
        #expect(DeploymentRow(failed).reason == "Exited")
        let wait: JSONValue = ["reason": "Baking", "message": "running, watched while it is new"]
        #expect(DeploymentRow(try Samples.object(status: ["wait": wait])).reason == "Baking")
        #expect(DeploymentRow(try Samples.object()).reason == "")
    }

    @Test func `shows a phase of a newer daemon as it is`() throws {
        let cells = texts(try Samples.object(phase: "Hibernating", isReady: false))
        #expect(cells[2] == "Hibernating")
    }
}
