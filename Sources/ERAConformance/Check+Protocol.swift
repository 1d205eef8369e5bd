internal import ERAContracts
internal import ERACore
internal import ERAManifest
internal import ERARuntime

/// What only a plugin that is an executable can get wrong.
extension Check {
    private static let timeout = Duration.seconds(30)
    /// `EX_TEMPFAIL`
    private static let transientCode: Int32 = 75

    static let protocolChecks: [Check] = [
        Check("unknown-verb", "a verb that it does not know is refused for good") { trial in
            let plugin = try trial.executable()
            let outcome = await plugin.rawCall(
                "era-conformance-unknown",
                plugin.describeRequest,
                about: nil,
                timeout: timeout
            )
            try expectRefusal(outcome, "a verb that nobody knows")
        },
        Check("unknown-version", "an apiVersion that it does not know is refused for good") { trial in
            let plugin = try trial.executable()
            let instance = trial.instance()
            plugin.makeDirectory(of: instance.id)
            var request = try object(plugin.installRequest(instance))
            request["apiVersion"] = "plugin.era.dev/v999"
            let outcome = await plugin.rawCall(
                "install",
                bytes(request),
                about: instance.id,
                timeout: timeout
            )
            try expectRefusal(outcome, "an install with apiVersion plugin.era.dev/v999")
            try await trial.expectStatus("absent", after: "an install that was refused")
        },
        Check("garbage", "a request that makes no sense is refused, and nothing is installed") { trial in
            let plugin = try trial.executable()
            let instance = trial.instance()
            plugin.makeDirectory(of: instance.id)
            let whole = plugin.installRequest(instance)
            let requests: [(String, [UInt8])] = [
                ("nothing", []), ("no JSON", Array("hello".utf8)), ("an array", Array("[]".utf8)),
                ("half a request", Array(whole.prefix(whole.count / 2))), ("no UTF-8", [0xFF, 0xFE, 0x00]),
                ("100,000 brackets", Array(repeating: UInt8(ascii: "["), count: 100_000)),
            ]
            for (what, request) in requests {
                let outcome = await plugin.rawCall("install", request, about: instance.id, timeout: timeout)
                try expect(
                    outcome.exitCode.map { $0 != 0 } ?? false,
                    "an install with \(what) as the request \(outcome.description)"
                )
                try await trial.expectStatus("absent", after: "an install with \(what) as the request")
            }
        },
        Check("later-fields", "fields that a later ERA adds to a request do not matter") { trial in
            let plugin = try trial.executable()
            let instance = trial.instance()
            _ = try await plugin.install(instance)
            var request = try object(plugin.installRequest(instance))
            request["fieldOfTomorrow"] = ["a": [1, 2, 3]]
            for name in ["instance", "spec"] {
                var part = request[name]?.object ?? [:]
                part["fieldOfTomorrow"] = "x"
                request[name] = .object(part)
            }
            let outcome = await plugin.rawCall(
                "install",
                bytes(request),
                about: instance.id,
                timeout: timeout
            )
            try expect(outcome.exitCode == 0, "an install with fields of tomorrow \(outcome.description)")
        },
        Check("leaves-no-process", "a verb that has ended has left no process of its own") { trial in
            let plugin = try trial.executable()
            let instance = trial.instance()
            _ = try await plugin.install(instance)
            let marks = ["ERA_CONFORMANCE_CALL=\(trial.token)-call"]
            let about = PluginCallsForChecks(plugin, instance)
            for (verb, request) in about.harmless {
                let outcome = await plugin.rawCall(
                    verb,
                    request,
                    about: instance.id,
                    environment: marks,
                    timeout: timeout
                )
                try expect(outcome.exitCode == 0, "\(verb) \(outcome.description)")
                let left = MarkedProcesses.all("\(trial.token)-call")
                try expect(left.isEmpty, "\(verb) has left \(MarkedProcesses.shown(left))")
            }
        },
    ]

    private static func expectRefusal(_ outcome: ExternalPlugin.RawOutcome, _ what: String) throws {
        guard let code = outcome.exitCode else { throw Broken("\(what) \(outcome.description)") }
        try expect(code != 0, "\(what) succeeds, and should fail")
        try expect(code != transientCode, "\(what) fails with 75: ERA would ask again and again")
    }

    private static func object(_ request: [UInt8]) throws -> [String: JSONValue] {
        try JSONValue(jsonText: request).object ?? [:]
    }

    private static func bytes(_ request: [String: JSONValue]) -> [UInt8] {
        JSONValue.object(request).utf8Text(pretty: false)
    }
}

/// Verbs that start nothing, with their requests.
private struct PluginCallsForChecks {
    let harmless: [(verb: String, request: [UInt8])]

    init(_ plugin: ExternalPlugin, _ instance: PreparedInstance) {
        harmless = [
            ("describe", plugin.describeRequest), ("install", plugin.installRequest(instance)),
            ("status", plugin.statusRequest(instance.id)),
        ]
    }
}

extension Trial {
    /// - Throws: ``Skip`` for a plugin that is part of ERA.
    func executable() throws -> ExternalPlugin {
        guard let external else { throw Skip("it is part of ERA, and no executable") }
        return external
    }
}
