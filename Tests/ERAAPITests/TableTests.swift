import ERAAPI
import ERACore
import Testing

@Suite struct TableTests {
    @Test func `the table has a row for each deployment, with a cell for each column`() throws {
        let object = Samples.view(try Samples.running()).object(at: Samples.moment(90))
        let table = DeploymentTable.json([object], resourceVersion: "9", now: Samples.moment(90).wall)
        #expect(table["kind"] == "Table")
        #expect(table["apiVersion"] == "meta.k8s.io/v1")
        #expect(table["metadata"]?["resourceVersion"] == "9")
        let columns = try #require(table["columnDefinitions"]?.array)
        #expect(
            columns.filter { $0["priority"] == 0 }.map { $0["name"] } == [
                "Name", "Phase", "Ready", "Version", "Revision", "Restarts", "Age",
            ]
        )
        #expect(
            columns.filter { $0["priority"] == 1 }.map { $0["name"] } == [
                "Step", "Message", "Source", "Plugin",
            ]
        )
        let row = try #require(table["rows"]?.array?.first)
        #expect(row["cells"]?.array?.count == columns.count)
        #expect(row["cells"]?.array?.prefix(7) == ["web", "Running", "True", "1.2.0", 1, 0, "90s"])
        #expect(row["object"]?["kind"] == "PartialObjectMetadata")
        #expect(row["object"]?["metadata"]?["name"] == "web")
    }

    @Test func `rows hold as much of the object as was asked for`() throws {
        let object = Samples.view(try Samples.running()).object(at: Samples.start)
        func included(_ inclusion: DeploymentTable.Inclusion) -> JSONValue? {
            DeploymentTable.json(
                [object],
                resourceVersion: "1",
                including: inclusion,
                now: Samples.start.wall
            )["rows"]?
            .array?.first?["object"]
        }
        #expect(included(.object) == object.json)
        #expect(included(.none) == nil)
    }

    @Test func `in a watch only the first table defines columns`() {
        let table = DeploymentTable.json(
            [],
            resourceVersion: "1",
            definesColumns: false,
            now: Samples.start.wall
        )
        #expect(table["columnDefinitions"] == .null)
    }

    // Kubernetes, `duration.HumanDuration`.
    @Test(arguments: [
        (-5, "0s"), (0, "0s"), (119, "119s"), (120, "2m"), (125, "2m5s"), (600, "10m"), (7200, "120m"),
        (10_800, "3h"), (11_100, "3h5m"), (28_800, "8h"), (172_799, "47h"), (172_800, "2d"),
        (180_000, "2d2h"),
        (8 * 86_400, "8d"), (729 * 86_400, "729d"), (730 * 86_400, "2y"), (1000 * 86_400, "2y270d"),
        (9 * 365 * 86_400, "9y"),
    ])
    func `an age is short`(seconds: Int, text: String) {
        #expect(DeploymentTable.age(from: Samples.start.wall, to: Samples.moment(seconds).wall) == text)
    }
}
