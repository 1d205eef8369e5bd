internal import ERAContracts
internal import ERACore
internal import ERARuntime

/// From nothing to Running and back.
extension Check {
    static let life: [Check] = [
        Check("describe", "the plugin describes itself, twice alike, with a schema that ERA can check") {
            trial in
            let again = try await trial.restarted().description
            try expect(
                again == trial.plugin.description,
                "described twice, it says something else the second time"
            )
            do throws(InvalidConfigSchema) {
                _ = try ConfigSchema(again.configSchema)
            } catch {
                throw Broken("\(error)")
            }
        },
        Check("accepts-the-sample", "validate accepts the deployment of the suite and changes nothing") {
            trial in
            let description = trial.plugin.description
            if trial.suite.subject.spec == nil, !description.capabilities.contains(.withoutArtifact) {
                throw Broken(
                    "it needs an artifact: give a deployment that it can run, era plugins test … --manifest FILE"
                )
            }
            let problems = try await trial.plugin.validate(trial.spec)
            let text = problems.map { "\($0.field): \($0.message)" }.joined(separator: "; ")
            try expect(
                problems.isEmpty,
                "it refuses the deployment (\(text)); give one that it can run: era plugins test … --manifest FILE"
            )
            try await trial.expectStatus("absent", after: "validate")
        },
        Check("absent-is-a-value", "what was never installed is absent, and can be stopped and deleted") {
            trial in
            try await trial.expectStatus("absent", after: "nothing")
            try await trial.stop()
            try await trial.delete()
            try await trial.expectStatus("absent", after: "stop and delete")
        },
        Check("install-twice", "install makes it installed, starts nothing, and can be repeated") { trial in
            let instance = trial.instance()
            let first = try await trial.plugin.install(instance)
            try await trial.expectStatus("installed", after: "install")
            let second = try await trial.plugin.install(instance)
            try expect(
                first.version == second.version,
                "the second install gives handle version \(second.version), the first gave \(first.version)"
            )
            try await trial.expectStatus("installed", after: "the second install")
            try trial.expectNothingRuns(after: "install")
        },
        Check("status-changes-nothing", "status leaves the files of the instance as they are") { trial in
            let instance = trial.instance()
            _ = try await trial.plugin.install(instance)
            let before = FileSnapshot(of: instance.directory)
            for _ in 0..<3 { _ = try await trial.status() }
            let change = FileSnapshot(of: instance.directory).difference(to: before)
            try expect(change == nil, "status changed \(change ?? "")")
        },
        Check("start-twice", "start runs it, and a second start leaves alone what runs") { trial in
            let first = try await trial.run()
            try await trial.pause(.milliseconds(300))
            let count = MarkedProcesses.all(trial.token).count
            let instance = trial.instance()
            try await trial.plugin.start(instance, handle: try await trial.plugin.install(instance))
            let second = try await trial.running()
            try expect(
                first.pid == second.pid && first.startedAt == second.startedAt,
                "after the second start it is another process, or another time of start"
            )
            try await trial.pause(.milliseconds(300))
            // A deployment of somebody else's may start processes as it likes.
            let now = MarkedProcesses.all(trial.token).count
            try expect(
                trial.suite.subject.spec != nil || now == count,
                "after the second start it has \(now) processes, and had \(count): it runs twice"
            )
        },
        Check("many-ask-at-once", "status answers alike when several ask at the same time") { trial in
            try await trial.run()
            let id = trial.instance().id
            let plugin = trial.plugin
            let words = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<8 { group.addTask { try await plugin.status(id).word } }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
            try expect(
                words == ["running"],
                "asked eight times at once it says \(words.sorted().joined(separator: ", "))"
            )
        },
        Check("stop-ends-everything", "stop ends every process, also what ignores the signal or has left") {
            trial in
            try await trial.run()
            try await trial.settled()
            try await trial.stop()
            try trial.expectNothingRuns(after: "stop")
            try await trial.expectStatus("installed", "exited", "absent", after: "stop")
            try await trial.stop()
            try await trial.expectStatus("installed", "exited", "absent", after: "the second stop")
        },
        Check("start-after-stop", "what was stopped can be started again") { trial in
            try await trial.run()
            try await trial.stop()
            try await trial.run()
        },
        Check("delete-twice", "delete removes what was installed, and succeeds where nothing is left") {
            trial in
            _ = try await trial.plugin.install(trial.instance())
            try await trial.stop()
            try await trial.delete()
            try await trial.expectStatus("absent", after: "delete")
            try await trial.delete()
            try await trial.expectStatus("absent", after: "the second delete")
            let left = try await trial.plugin.instances().filter { $0 == trial.instance().id }
            try expect(left.isEmpty, "after delete it is still among the plugin's instances")
        },
        Check("two-revisions", "the next revision can be installed beside the running one, and take over") {
            trial in
            let first = try await trial.run(1)
            let next = trial.instance(2)
            let handle = try await trial.plugin.install(next)
            let still = try await trial.running(1)
            try expect(
                still.pid == first.pid && still.startedAt == first.startedAt,
                "installing the next revision has disturbed the one that runs"
            )
            try await trial.expectStatus("installed", revision: 2, after: "install of the next revision")
            try await trial.stop(1)
            try await trial.plugin.start(next, handle: handle)
            _ = try await trial.running(2)
            try await trial.delete(1)
            try await trial.expectStatus("absent", revision: 1, after: "delete of the earlier revision")
            try await trial.expectStatus("running", revision: 2, after: "delete of the earlier revision")
        },
        Check("logs", "what it writes can be read, and who follows can leave") { trial in
            guard trial.plugin.description.capabilities.contains(.logs) else {
                throw Skip("logs are not declared")
            }
            try await trial.run()
            let isOwn = trial.suite.subject.spec == nil
            var text = ""
            for _ in 0..<100 {
                text = try await trial.text(of: LogRequest())
                if !isOwn || text.contains("line of \(trial.token)") { break }
                try await trial.pause(.milliseconds(100))
            }
            try expect(
                !isOwn || text.contains("line of \(trial.token)"),
                "the logs lack a line that it has written"
            )
            let begunAt = ContinuousClock.now
            try await trial.cutOff(after: .milliseconds(300)) {
                _ = try await trial.text(of: LogRequest(follow: true))
            }
            try expect(ContinuousClock.now - begunAt < .seconds(5), "who follows the logs cannot leave")
        },
        Check("probe", "it says where commands of exec probes run") { trial in
            guard trial.plugin.description.capabilities.contains(.execProbe) else {
                throw Skip("exec probes are not declared")
            }
            try await trial.run()
            let environment = try await trial.plugin.probeEnvironment(trial.instance())
            try expect(environment.workingDirectory.hasPrefix("/"), "workingDirectory is no absolute path")
        },
    ]
}

extension Trial {
    /// What the logs have, up to their end.
    func text(of request: LogRequest) async throws -> String {
        var bytes: [UInt8] = []
        for try await chunk in plugin.logs(instance().id, request) { bytes += chunk }
        return String(decoding: bytes, as: UTF8.self)
    }
}
