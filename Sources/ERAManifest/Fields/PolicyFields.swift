import ERACore

/// How ERA handles a deployment: restarts, retries, updates, rollback, stop.
enum PolicyFields {
    static let restart: Codec<RestartSpec> = .object(
        blank: RestartSpec(),
        [
            .defaulted("policy", \.policy, .word(), "When to start the workload again after it has exited."),
            .defaulted(
                "initialDelay",
                \.initialDelay,
                .duration(),
                "Pause before the second restart; the first comes at once."
            ),
            .defaulted("maxDelay", \.maxDelay, .duration(), "The longest pause; pauses double up to it."),
            .defaulted(
                "resetAfter",
                \.resetAfter,
                .duration(),
                "Time without a crash after which pauses begin anew."
            ),
        ],
        check: { restart, node, reading in
            checkDelays(restart.initialDelay, restart.maxDelay, node, &reading)
        }
    )

    static let retry: Codec<RetrySpec> = .object(
        blank: RetrySpec(),
        [
            .defaulted(
                "limit",
                \.limit,
                .integer(0...1000),
                "Retries of a step after a transient error; 0 for none."
            ),
            .defaulted("initialDelay", \.initialDelay, .duration(), "Pause before the first retry."),
            .defaulted(
                "factor",
                \.factor,
                .number(1...100),
                "By how much each pause is longer than the one before."
            ),
            .defaulted("maxDelay", \.maxDelay, .duration(), "The longest pause."),
        ],
        check: { retry, node, reading in
            checkDelays(retry.initialDelay, retry.maxDelay, node, &reading)
        }
    )

    private static func checkDelays(
        _ initial: Duration,
        _ most: Duration,
        _ node: YAMLNode,
        _ reading: inout Reading
    ) {
        guard most < initial else { return }
        let name = node["maxDelay"] == nil ? "initialDelay" : "maxDelay"
        reading.at(.field(name)) {
            $0.refuse(
                node[name]?.position ?? node.position,
                .invalid,
                name == "maxDelay"
                    ? "\(most.manifestText) is less than initialDelay, \(initial.manifestText)"
                    : "\(initial.manifestText) is more than maxDelay, \(most.manifestText)"
            )
        }
    }

    static let update: Codec<UpdateSpec> = .object(
        blank: UpdateSpec(),
        [
            .defaulted(
                "strategy",
                \.strategy,
                .word(),
                "Recreate stops the old revision before the new one starts; BlueGreen runs both until the "
                    + "new one is proven."
            ),
            .defaulted(
                "progressDeadline",
                \.progressDeadline,
                .duration(minimum: .seconds(1)),
                "The longest time without progress before a rollout has failed."
            ),
            .defaulted(
                "bakeSeconds",
                \.bakeSeconds,
                .integer(0...ManifestLimits.secondsLimit),
                "Seconds for which a new version is watched once it is Running: a crash or lost health "
                    + "rolls it back."
            ),
        ]
    )

    static let rollback: Codec<RollbackSpec> = .object(
        blank: RollbackSpec(),
        [.defaulted("enabled", \.enabled, .boolean, "Restore the revision that worked when an update fails.")]
    )

    static let stop: Codec<StopSpec> = .object(
        blank: StopSpec(),
        [
            .defaulted("signal", \.signal, .word(), "The signal that asks the workload to stop."),
            .defaulted("grace", \.grace, .duration(), "Time from the signal to the kill."),
        ]
    )
}
