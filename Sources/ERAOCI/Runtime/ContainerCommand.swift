extension ImageConfig {
    /// What a container runs: the manifest's words, and the image's where it says none.
    ///
    /// As in Kubernetes: `command` takes the place of the image's entry point and of its arguments, `args`
    /// that of its arguments alone.
    /// - Throws: ``OCIError/malformed(_:)`` where neither says anything.
    public func arguments(command: [String], args: [String]) throws(OCIError) -> [String] {
        let own = entrypoint ?? []
        let arguments = command.isEmpty ? own + (args.isEmpty ? self.command ?? [] : args) : command + args
        guard let first = arguments.first, !first.isEmpty else {
            throw .malformed("the image names no command, and neither does the manifest; say spec.command")
        }
        return arguments
    }

    /// Where a container begins: the manifest's directory as seen from the image's, which is `/` by default.
    public func workingDirectory(_ directory: String) -> String {
        absoluteContainerPath(
            directory,
            from: workingDirectory.map { absoluteContainerPath($0, from: "/") } ?? "/"
        )
    }

    /// The image's variables, then each list, of which a later one wins; sorted by name.
    ///
    /// Variables of the image without a name, or without `=`, are left out: no program would find them.
    public func environment(_ lists: [[(name: String, value: String)]]) -> [(name: String, value: String)] {
        var values: [String: String] = [:]
        for text in environment {
            guard let end = text.firstIndex(of: "="), end != text.startIndex else { continue }
            values[String(text[..<end])] = String(text[text.index(after: end)...])
        }
        for list in lists { for (name, value) in list { values[name] = value } }
        return values.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}

/// A path in a container, absolute and without `.`, `..` and empty parts; `..` ends at the root.
public func absoluteContainerPath(_ path: String, from directory: String) -> String {
    var parts: [Substring] = []
    for part in (path.hasPrefix("/") ? path : "\(directory)/\(path)").split(separator: "/") where part != "."
    {
        if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    return "/" + parts.joined(separator: "/")
}
