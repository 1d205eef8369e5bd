import ERAConformance
import ERAContracts
import ERACore
import ERARuntime
import Testing

/// Each fault is found by the check that is about it.
@Suite(.serialized) struct BrokenPluginTests {
    /// A fault: what of the sample in shell becomes what, and the checks that are to notice.
    struct Fault: Sendable, CustomTestStringConvertible {
        let name: String
        let old: String
        let new: String
        let checks: Set<String>
        /// Long where the machine may be busy and the fault is another one.
        var statusTimeout = Duration.seconds(60)
        var testDescription: String { name }
    }

    static let faults: [Fault] = [
        Fault(
            name: "describes itself otherwise each time",
            old: #"details: {jq: $jq}"#,
            new: #"details: {now: (now | tostring)}"#,
            checks: ["describe"]
        ),
        Fault(
            name: "has a schema that nobody checks",
            old: #"examples: [{seconds: 1}]"#,
            new: #"patternProperties: {}"#,
            checks: ["describe"]
        ),
        Fault(
            name: "refuses what it can run",
            old: #"problem="is missing: the command to run""#,
            new: "problem=x\n    elif true; then problem=y",
            checks: ["accepts-the-sample"]
        ),
        Fault(
            name: "says installed of what is absent",
            old: #"printf '{"apiVersion":"%s","state":"absent"}\n' "$API""#,
            new: #"printf '{"apiVersion":"%s","state":"installed"}\n' "$API""#,
            checks: ["absent-is-a-value"]
        ),
        Fault(
            name: "fails to delete what is not there",
            old: "    rm -f installed\n",
            new: "    rm installed\n",
            checks: ["interrupted-install"]
        ),
        Fault(
            name: "installs only once",
            old: "install() {\n",
            new: "install() {\n    [ ! -e installed ] || fail 1 PluginFault 'is installed already'\n",
            checks: ["install-twice", "lost-handle"]
        ),
        Fault(
            name: "touches a file in status",
            old: "status() {\n",
            new: "status() {\n    date >looked-at\n",
            checks: ["status-changes-nothing"]
        ),
        Fault(
            name: "starts a second time what runs",
            old: "    if ! find_loop; then\n        rm -f pid exit",
            new: "    if :; then\n        rm -f pid exit lock",
            checks: ["start-twice"]
        ),
        Fault(
            name: "ends only the process that it started",
            old: "/proc/[0-9]*/environ 2>/dev/null || true; }",
            new: "/proc/$(cut -d' ' -f1 pid 2>/dev/null || echo x)/environ 2>/dev/null || true; }",
            checks: ["stop-ends-everything"]
        ),
        Fault(
            name: "never kills",
            old: "signal_all KILL\n",
            new: "break\n",
            checks: ["stop-ends-everything", "interrupted-stop"]
        ),
        Fault(
            name: "knows no delete where nothing is",
            old: """
                    elif [ "$1" = delete ]; then
                        cat >/dev/null
                        done_answer
                        exit 0

                """,
            new: "",
            checks: ["delete-twice"]
        ),
        Fault(
            name: "accepts a handle that it cannot know",
            old: #"[ "$version" -le "$HANDLE_VERSION" ] ||"#,
            new: "true ||",
            checks: ["newer-handle"]
        ),
        Fault(
            name: "asks for another try where none can help",
            old: #"fail 1 Unsupported "installed by a newer"#,
            new: #"fail 75 Unsupported "installed by a newer"#,
            checks: ["newer-handle"]
        ),
        Fault(
            name: "passes secrets as arguments",
            old: "setsid \"$0\" loop \"$(boot)\" <",
            new: "setsid \"$0\" loop \"$(boot)\" \"$(cat job)\" <",
            checks: ["secrets"]
        ),
        Fault(
            name: "puts secrets into the handle",
            old: "'{apiVersion: $api, handle: {version: $version, payload: {}}}'",
            new:
                "--arg job \"$(cat job)\" '{apiVersion: $api, handle: {version: $version, payload: {job: $job}}}'",
            checks: ["secrets"]
        ),
        Fault(
            name: "succeeds with a verb that it does not know",
            old: "*) fail 64 Unsupported",
            new: "*) done_answer; exit 0; fail 64 Unsupported",
            checks: ["unknown-verb"]
        ),
        Fault(
            name: "takes any version",
            old: #"[ "$version" = "$API" ] ||"#,
            new: "true ||",
            checks: ["unknown-version"]
        ),
        Fault(
            name: "installs whatever it reads",
            old: "install() {\n    read_request",
            new: "install() {\n    : >installed; read_request",
            checks: ["garbage"]
        ),
        Fault(
            name: "refuses fields of tomorrow",
            old: "install() {\n    read_request",
            new:
                "install() {\n    read_request; [ \"$(ask 'has(\"fieldOfTomorrow\")')\" = false ] || fail 1 PluginFault unknown",
            checks: ["later-fields"]
        ),
        Fault(
            name: "leaves a process behind",
            old: "status() {\n",
            // Before it has a session of its own it would be killed with the verb.
            new: """
                status() {
                    setsid sleep 20 </dev/null >/dev/null 2>&1 &
                    until grep -qx sleep /proc/$!/comm; do :; done

                """,
            checks: ["leaves-no-process"]
        ),
        Fault(
            name: "hangs",
            old: "status() {\n",
            new: "status() {\n    sleep 1000\n",
            checks: ["install-twice"],
            statusTimeout: .seconds(3)
        ),
        Fault(
            name: "answers garbage",
            old: "status() {\n",
            new: "status() {\n    echo working on it\n",
            checks: ["install-twice"]
        ),
        Fault(
            name: "has no logs",
            old: "    exec tail $lines log\n",
            new: "    exit 0\n",
            checks: ["logs"]
        ),
        Fault(
            name: "disturbs what runs when it installs the next",
            old: "install() {\n    read_request",
            new:
                "install() {\n    read_request; cd ..; for old in ../*/plugin-interval/pid; do read -r p x <\"$old\" && kill -9 \"$p\"; done; cd \"$ERA_DIRECTORY\"",
            checks: ["two-revisions"]
        ),
    ]

    @Test(arguments: faults)
    func `a fault is found`(_ fault: Fault) async throws {
        try await ConformanceHost.with { host in
            var isChanged = false
            let path = try host.sample("interval") { script in
                let parts = script.split(separator: fault.old, maxSplits: 1, omittingEmptySubsequences: false)
                isChanged = parts.count == 2
                return parts.joined(separator: fault.new)
            }
            #expect(isChanged, "the sample no longer has what the fault changes")
            var timeouts = PluginTimeouts()
            timeouts.status = fault.statusTimeout
            let subject = host.subject(path, timeouts: timeouts)
            let report = await ConformanceSuite(subject).run(only: fault.checks)
            #expect(Set(report.failures.map(\.id)) == fault.checks, "\(report.text)")
        }
    }

    @Test func `every check but those that only interruptions reach has a fault that it finds`() {
        let found = Set(Self.faults.flatMap(\.checks))
        let all = Set(ConformanceSuite.checks.map(\.id))
        #expect(found.isSubset(of: all))
        #expect(
            all.subtracting(found) == [
                "many-ask-at-once", "start-after-stop", "probe", "interrupted-start", "interrupted-delete",
                "adoption",
            ]
        )
    }
}
