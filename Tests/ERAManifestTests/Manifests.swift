import ERACore
import ERAManifest

/// A manifest that has every part of the schema.
let fullManifest = """
    apiVersion: era.dev/v1
    kind: Deployment
    metadata:
      name: hello
      namespace: shop
      labels: {app: hello, example.org/tier: front}
      annotations: {example.org/note: "any: text"}
    spec:
      version: "1.2.0"
      suspend: false
      dependsOn: [{name: database}, {name: queue, namespace: infra}]
      runtime:
        plugin: process
        pluginVersion: ">=1.0.0 <2.0.0"
        config: {nested: {list: [1, 2.5, true, null, text]}}
      artifact:
        source: https://example.org/hello-1.2.0.tar.gz
        digest: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
        format: tar
        signature: {type: minisign, source: https://example.org/hello.minisig, publicKey: RWQ}
        pullSecret: registry-login
      command: ["bin/hello"]
      args: ["--port", "8080"]
      workingDirectory: .
      env:
        - {name: MODE, value: prod}
        - {name: TOKEN, valueFrom: {secret: {name: api, key: token}}}
      ports:
        - {name: http, port: 8080, host: 127.0.0.1, protocol: TCP, passSocket: true}
        - {name: dns, port: 53, host: "::1", protocol: UDP}
      volumes:
        - {name: state, mountPath: state, persistent: {retain: true}}
        - {name: site, mountPath: /srv/site, hostPath: {path: /srv/site, readOnly: true}}
        - {name: scratch, mountPath: tmp, tmpfs: {sizeLimit: 16Mi}}
        - {name: keys, mountPath: keys, secret: {name: api}}
      resources: {limits: {memory: 256Mi, cpu: 500m, pids: 64}}
      user: hello
      health:
        startup:
          httpGet: {path: /ready, port: http, scheme: HTTP, host: localhost, httpHeaders: [{name: X-Probe, value: era}]}
          periodSeconds: 1
          failureThreshold: 30
        liveness: {tcpSocket: {port: 8080}, initialDelaySeconds: 2, periodSeconds: 10, timeoutSeconds: 1}
        readiness: {exec: {command: ["bin/check"]}, successThreshold: 2}
        minReadySeconds: 3
      restart: {policy: OnFailure, initialDelay: 1s, maxDelay: 5m, resetAfter: 10m}
      retry: {limit: 5, initialDelay: 1s, factor: 2, maxDelay: 5m}
      update: {strategy: BlueGreen, progressDeadline: 10m, bakeSeconds: 10}
      rollback: {enabled: false}
      stop: {signal: INT, grace: 1m30s}
      revisionHistoryLimit: 3

    """

/// A manifest with nothing but what it must have, and `more` inside its spec, each line indented by two
/// spaces.
func manifest(name: String = "hello", spec more: String = "") -> String {
    """
    apiVersion: era.dev/v1
    kind: Deployment
    metadata: {name: \(name)}
    spec:
      version: "1.0.0"
      runtime: {plugin: process}
      command: [true-program]

    """ + more + (more.isEmpty ? "" : "\n")
}

/// The least manifest with one more field, or with another version.
func manifest(field: String) -> String {
    field.hasPrefix("version")
        ? manifest().replacingFirst("version: \"1.0.0\"", with: field) : manifest(spec: "  " + field)
}

/// What is wrong with a file, a line each, without the file's name.
func problems(_ text: String, file: String = "f.yaml") -> [String] {
    problems(Array(text.utf8), file: file)
}

func problems(_ bytes: [UInt8], file: String = "f.yaml") -> [String] {
    ManifestFile(reading: bytes, file: file).diagnostics.map {
        String($0.summary.dropFirst(file.utf8.count + 1))
    }
}

func file(_ text: String, name: String = "f.yaml") -> ManifestFile {
    ManifestFile(reading: Array(text.utf8), file: name)
}
