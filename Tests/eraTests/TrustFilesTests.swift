import Foundation
import Testing

@testable import era

@Suite struct TrustFilesTests {
    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "era-trust-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: folder,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
    }

    private func files(_ policy: String) throws -> TrustFiles {
        let path = folder.appending(path: "trust.yaml")
        try Data(policy.utf8).write(to: path)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path.path)
        return TrustFiles(policyPath: path.path)
    }

    private static let head = "apiVersion: era.dev/v1\nkind: TrustPolicy\n"
    private static let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"

    @Test func `doctor names the keys of a policy, and says nothing where there is none`() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        #expect(TrustFiles(policyPath: nil).findings.isEmpty)
        let text = Self.head + "keys: [{name: release, type: minisign, publicKey: \(Self.key)}]\n"
        let findings = try files(text).findings
        #expect(findings.map(\.verdict) == [.good])
        #expect(findings[0].message.contains("release (minisign key E7620F1842B4E81F)"))
    }

    @Test(
        arguments: [
            ("mode: on\n", "trust.yaml:3:7: error: mode:"),
            (
                "keys: [{name: a, type: ssh, publicKey: nonsense}]\n",
                "the key a of the trust policy: cannot read"
            ),
            (
                "keys: [{name: a, type: ssh, file: /none.pub}]\n",
                "the key /none.pub cannot be read: no such file"
            ),
        ]
    )
    func `doctor says what is wrong with a policy or its keys, and where`(_ text: String, _ message: String)
        throws
    {
        defer { try? FileManager.default.removeItem(at: folder) }
        let files = try files(Self.head + text)
        #expect(files.findings.map(\.verdict) == [.problem])
        #expect(files.findings[0].message.contains(message), "\(files.findings[0].message)")
    }
}
