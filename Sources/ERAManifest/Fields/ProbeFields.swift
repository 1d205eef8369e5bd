import ERACore

/// The probes of a deployment: fields and defaults of Kubernetes' `core/v1.Probe`.
enum ProbeFields {
    private static let anyPort = PortReference.number(1)
    private static let seconds: ClosedRange<Int64> = 1...ManifestLimits.secondsLimit

    static let header: Codec<ProbeSpec.HTTPHeader> = .object(
        blank: ProbeSpec.HTTPHeader(name: "", value: ""),
        [
            .required("name", \.name, .rule(.headerName, TextRules.isHeaderName), "Name of the header."),
            .required("value", \.value, .rule(.headerValue, TextRules.isHeaderValue), "Value of the header."),
        ]
    )

    static let httpGet: Codec<ProbeSpec.HTTPGet> = .object(
        blank: ProbeSpec.HTTPGet(port: anyPort),
        [
            .defaulted("path", \.path, .rule(.httpPath, TextRules.isHTTPPath), "Path to ask for."),
            .required(
                "port",
                \.port,
                .portReference,
                "Port to ask: a number, or the name of one of `ports`."
            ),
            .optional(
                "host",
                \.host,
                .rule(.hostName, TextRules.isHostName),
                "Host to ask; the address that the port listens on where there is none."
            ),
            .defaulted("scheme", \.scheme, .word(), "HTTP, or HTTPS without looking at the certificate."),
            .defaulted("httpHeaders", \.headers, .list(header), "Headers of the request."),
        ]
    )

    /// Host and port of a TCP probe.
    struct TCPSocket: Sendable {
        var host: String?
        var port: PortReference
    }

    static let tcpSocket: Codec<TCPSocket> = .object(
        blank: TCPSocket(port: anyPort),
        [
            .optional(
                "host",
                \.host,
                .rule(.hostName, TextRules.isHostName),
                "Host to connect to; the address that the port listens on where there is none."
            ),
            .required(
                "port",
                \.port,
                .portReference,
                "Port to connect to: a number, or the name of one of `ports`."
            ),
        ]
    )

    /// The command of an exec probe.
    struct Exec: Sendable {
        var command: [String]
    }

    static let exec: Codec<Exec> = .object(
        blank: Exec(command: []),
        [
            .required(
                "command",
                \.command,
                .list(.anyText),
                "Program and arguments, run where the workload runs and as its user, without a shell. "
                    + "Exit status 0 is healthy."
            )
        ],
        check: { exec, node, reading in
            guard exec.command.first?.isEmpty ?? true else { return }
            reading.at(.field("command")) {
                $0.refuse(node["command"]?.position ?? node.position, .invalid, "names no program")
            }
        }
    )

    /// - Parameter successes: How many successes in a row may be asked for; Kubernetes takes 1 but for
    ///   readiness.
    static func probe(successes: ClosedRange<Int64>) -> Codec<ProbeSpec> {
        .object(
            blank: ProbeSpec(handler: .exec(command: [])),
            [
                .choice("httpGet", httpGet, "Healthy when an HTTP GET is answered with 200 to 399.") {
                    probe in
                    if case .httpGet(let get) = probe.handler { get } else { nil }
                } set: {
                    $0.handler = .httpGet($1)
                },
                .choice("tcpSocket", tcpSocket, "Healthy when a TCP connection can be opened.") { probe in
                    if case .tcpSocket(let host, let port) = probe.handler {
                        TCPSocket(host: host, port: port)
                    } else {
                        nil
                    }
                } set: {
                    $0.handler = .tcpSocket(host: $1.host, port: $1.port)
                },
                .choice("exec", exec, "Healthy when a command exits with status 0.") { probe in
                    if case .exec(let command) = probe.handler { Exec(command: command) } else { nil }
                } set: {
                    $0.handler = .exec(command: $1.command)
                },
                .defaulted(
                    "initialDelaySeconds",
                    \.initialDelaySeconds,
                    .integer(0...ManifestLimits.secondsLimit),
                    "Seconds from the start of the workload to the first probe."
                ),
                .defaulted(
                    "periodSeconds",
                    \.periodSeconds,
                    .integer(seconds),
                    "Seconds between probes. Until the first success ERA probes sooner."
                ),
                .defaulted(
                    "timeoutSeconds",
                    \.timeoutSeconds,
                    .integer(seconds),
                    "Seconds after which a probe without an answer has failed."
                ),
                .defaulted(
                    "successThreshold",
                    \.successThreshold,
                    .integer(successes),
                    "Successes in a row after a failure until the probe passes."
                ),
                .defaulted(
                    "failureThreshold",
                    \.failureThreshold,
                    .integer(1...ManifestLimits.thresholdLimit),
                    "Failures in a row until the probe fails."
                ),
            ]
        )
    }

    static let health: Codec<HealthSpec> = .object(
        blank: HealthSpec(),
        [
            .optional(
                "startup",
                \.startup,
                probe(successes: 1...1),
                "Whether the workload has started; the other probes wait for it. When it fails, the start "
                    + "has failed."
            ),
            .optional(
                "liveness",
                \.liveness,
                probe(successes: 1...1),
                "Whether the workload still works. When it fails, the workload is restarted."
            ),
            .optional(
                "readiness",
                \.readiness,
                probe(successes: 1...ManifestLimits.thresholdLimit),
                "Whether the workload serves. While it fails, the deployment is not Available."
            ),
            .defaulted(
                "minReadySeconds",
                \.minReadySeconds,
                .integer(0...ManifestLimits.secondsLimit),
                "Seconds that a new instance must be healthy before it counts as Running."
            ),
        ]
    )
}
