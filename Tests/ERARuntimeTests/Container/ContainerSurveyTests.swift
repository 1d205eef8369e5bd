import ERARuntime
import Glibc
import Testing

/// What `era doctor` says of a host's containers.
@Suite struct ContainerSurveyTests {
    @Test func `without an engine it says what to install`() async {
        let found = await ContainerPlugin.survey(searchPath: ["/nonexistent"], namespaces: nil)
        #expect(!found.isUsable)
        #expect(found.text.contains("apt-get install runc"), "\(found.text)")
    }

    @Test(.enabled(if: access("/usr/sbin/runc", X_OK) == 0, "runc is not installed here"))
    func `with one it says which, and what else the host has`() async {
        let found = await ContainerPlugin.survey(searchPath: ["/usr/sbin"], namespaces: nil)
        #expect(found.isUsable)
        #expect(found.text.hasPrefix("/usr/sbin/runc; "), "\(found.text)")
        #expect(found.text.contains("overlays") && found.text.contains("system calls by"), "\(found.text)")
    }
}
