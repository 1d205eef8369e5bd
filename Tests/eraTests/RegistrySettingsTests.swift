import Testing

@testable import era

@Suite struct RegistrySettingsTests {
    /// Variables, and the files in their order. Source: containers-auth.json(5), and docker's documentation.
    @Test(
        arguments: [
            (["REGISTRY_AUTH_FILE": "/a.json", "HOME": "/users/u"], ["/a.json"]),
            (
                ["XDG_RUNTIME_DIR": "/run/user/7", "HOME": "/users/u", "REGISTRY_AUTH_FILE": ""],
                [
                    "/run/user/7/containers/auth.json", "/users/u/.config/containers/auth.json",
                    "/users/u/.docker/config.json",
                ]
            ),
            (
                ["XDG_CONFIG_HOME": "/c", "DOCKER_CONFIG": "/d", "HOME": "relative"],
                ["/run/containers/7/auth.json", "/c/containers/auth.json", "/d/config.json"]
            ),
            ([:], ["/run/containers/7/auth.json"]),
        ] as [([String: String], [String])]
    )
    func `logins are looked for where podman and docker keep them`(
        _ variables: [String: String],
        _ files: [String]
    ) {
        #expect(LoginFiles.paths(Environment(variables), user: 7) == files)
    }
}
