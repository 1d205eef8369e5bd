import ERACore
public import ERAContracts

/// The daemon's numbers in the text format of Prometheus (exposition format 0.0.4).
public enum Metrics {
    /// - Parameter watchers: Open watches and followed logs.
    public static func text(_ health: EngineHealth, _ list: DeploymentList, watchers: Int) -> String {
        var text = ""
        func family(
            _ name: String,
            _ type: String,
            _ help: String,
            _ samples: [(labels: String, value: Int64)]
        ) {
            text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
            for sample in samples { text += "\(name)\(sample.labels) \(sample.value)\n" }
        }
        func gauge(_ name: String, _ help: String, _ value: Int64) {
            family(name, "gauge", help, [("", value)])
        }
        gauge("era_ready", "Whether all sources and records were looked at once.", health.isReady ? 1 : 0)
        gauge("era_degraded", "Whether nothing can be written now.", health.degraded == nil ? 0 : 1)
        gauge(
            "era_start_time_seconds",
            "When the daemon started, in seconds since 1970.",
            health.startedAt.sinceEpoch.components.seconds
        )
        gauge("era_busy_deployments", "Deployments with something to do now.", Int64(health.busy))
        gauge("era_api_watchers", "Open watches and followed logs.", Int64(watchers))
        family(
            "era_deployments",
            "gauge",
            "Deployments by phase.",
            Phase.allCases.map { ("{phase=\"\($0)\"}", Int64(health.phases[$0] ?? 0)) }
        )
        family(
            "era_deployment_ready",
            "gauge",
            "Whether what is declared is healthy and serving.",
            list.views.map { view in
                let ready = view.record.conditions.contains { $0.kind == .ready && $0.isTrue }
                return (labels(view), ready ? 1 : 0)
            }
        )
        family(
            "era_deployment_restarts_total",
            "counter",
            "How often the serving revision was started again.",
            list.views.map { (labels($0), Int64($0.record.serving?.restarts.total ?? 0)) }
        )
        return text
    }

    // Names are RFC 1123 labels: nothing in them needs escaping.
    private static func labels(_ view: DeploymentView) -> String {
        "{namespace=\"\(view.record.key.namespace)\",name=\"\(view.record.key.name)\"}"
    }
}
