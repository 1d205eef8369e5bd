internal import ERAContracts
internal import ERACore

/// What is cut off anywhere can be asked again.
extension Check {
    /// When a verb is cut off: from before it has begun to after it has ended.
    private static let delays: [Duration] = [
        .zero, .milliseconds(3), .milliseconds(15), .milliseconds(40), .milliseconds(90), .milliseconds(200),
    ]

    static let interruptions: [Check] = [
        Check("interrupted-install", "an install that is cut off can be repeated, or deleted") { trial in
            let instance = trial.instance()
            for delay in delays {
                try await trial.cutOff(after: delay) { _ = try await trial.plugin.install(instance) }
                // Whatever is there, the question has an answer.
                try await trial.expectStatus("absent", "installed", after: "an install that was cut off")
                _ = try await trial.plugin.install(instance)
                try await trial.expectStatus("installed", after: "an install that was cut off and repeated")
                try await trial.delete()
                try await trial.cutOff(after: delay) { _ = try await trial.plugin.install(instance) }
                try await trial.delete()
                try await trial.expectStatus("absent", after: "an install that was cut off, and delete")
            }
        },
        Check("interrupted-start", "a start that is cut off can be repeated, and it runs once") { trial in
            let instance = trial.instance()
            try await trial.run()
            try await trial.pause(.milliseconds(300))
            let count = MarkedProcesses.all(trial.token).count
            try await trial.stop()
            for delay in delays {
                let handle = try await trial.plugin.install(instance)
                try await trial.cutOff(after: delay) {
                    try await trial.plugin.start(instance, handle: handle)
                }
                try await trial.plugin.start(instance, handle: handle)
                _ = try await trial.running()
                try await trial.pause(.milliseconds(300))
                let now = MarkedProcesses.all(trial.token).count
                try expect(
                    trial.suite.subject.spec != nil || now == count,
                    "after a start that was cut off and repeated it has \(now) processes, and should have \(count)"
                )
                try await trial.stop()
                try trial.expectNothingRuns(after: "a start that was cut off and repeated, and stop")
            }
        },
        Check("interrupted-stop", "a stop that is cut off can be repeated, and ends everything") { trial in
            for delay in delays {
                try await trial.run()
                try await trial.cutOff(after: delay) { try await trial.stop() }
                _ = try await trial.status()
                try await trial.stop()
                try trial.expectNothingRuns(after: "a stop that was cut off and repeated")
            }
        },
        Check("interrupted-delete", "a delete that is cut off can be repeated, and leaves nothing") { trial in
            for delay in delays {
                _ = try await trial.plugin.install(trial.instance())
                try await trial.cutOff(after: delay) { try await trial.delete() }
                try await trial.expectStatus("absent", "installed", after: "a delete that was cut off")
                try await trial.delete()
                try await trial.expectStatus("absent", after: "a delete that was cut off and repeated")
            }
        },
    ]

    /// What must not depend on anybody's memory.
    static let memory: [Check] = [
        Check("adoption", "after a restart of ERA what runs is found as it is, and can be stopped") { trial in
            let before = try await trial.run()
            let plugin = try await trial.restarted()
            let id = trial.instance().id
            guard case .running(let after) = try await plugin.status(id) else {
                throw Broken("after a restart of ERA the status is \(try await plugin.status(id).word)")
            }
            try expect(
                before.pid == after.pid && before.startedAt == after.startedAt,
                "after a restart of ERA it is another process, or another time of start"
            )
            let ids = try await plugin.instances()
            try expect(ids.contains(id), "after a restart of ERA it is not among the plugin's instances")
            try await plugin.stop(id, trial.spec.stop)
            try trial.expectNothingRuns(after: "a restart of ERA and stop")
        },
        Check("lost-handle", "install of what runs gives the handle again and disturbs nothing") { trial in
            let before = try await trial.run()
            let handle = try await trial.restarted().install(trial.instance())
            let after = try await trial.running()
            try expect(
                before.pid == after.pid && before.startedAt == after.startedAt,
                "install has disturbed what runs"
            )
            try await trial.stop()
            try await trial.plugin.start(trial.instance(), handle: handle)
            _ = try await trial.running()
        },
        Check("newer-handle", "a handle of a newer version is refused for good, and nothing is started") {
            trial in
            let instance = trial.instance()
            var handle = try await trial.plugin.install(instance)
            handle.version += 1000
            do {
                try await trial.plugin.start(instance, handle: handle)
            } catch let failure as Failure {
                try expect(
                    failure.persistence == .permanent,
                    "it refuses a newer handle with a transient failure: ERA would ask again and again"
                )
                try await trial.expectStatus("installed", after: "a start that was refused")
                return
            }
            throw Broken("start accepts a handle of version \(handle.version), which it cannot know")
        },
        Check("secrets", "a secret is in no argument list, and not in the handle") { trial in
            let instance = trial.instance()
            let handle = try await withThrowingTaskGroup(of: InstanceHandle?.self) { group in
                group.addTask {
                    let handle = try await trial.plugin.install(instance)
                    try await trial.plugin.start(instance, handle: handle)
                    return handle
                }
                group.addTask {
                    while !Task.isCancelled {
                        let found = MarkedProcesses.naming(trial.secret)
                        try expect(
                            found.isEmpty,
                            "a secret is among the arguments of \(MarkedProcesses.shown(found))"
                                .split(separator: trial.secret).joined(separator: "***")
                        )
                        do {
                            try await trial.pause(.milliseconds(2))
                        } catch {
                            break
                        }
                    }
                    return nil
                }
                defer { group.cancelAll() }
                return try await group.next() ?? nil
            }
            try expect(!"\(handle?.payload as Any)".contains(trial.secret), "the handle has a secret in it")
            let found = MarkedProcesses.naming(trial.secret)
            try expect(found.isEmpty, "a secret is among the arguments of a process")
        },
    ]
}
