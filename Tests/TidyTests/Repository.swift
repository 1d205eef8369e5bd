import FoundationEssentials
import Glibc

/// A text file of this repository.
struct TextFile: Sendable {
    /// Relative to the root, with `/`.
    let path: String
    let text: String
    /// Of a Swift file, taken apart; nothing for others.
    let swiftLines: [SwiftLine]

    init(path: String, text: String) {
        self.path = path
        self.text = text
        swiftLines = path.hasSuffix(".swift") ? SwiftText(text).lines : []
    }

    var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
    /// The last component.
    var name: Substring { path[(path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex)...] }
}

/// The checkout that these tests belong to, as it lies on disk.
enum Repository {
    /// What is made, not written.
    private static let skipped: Set<String> = [
        ".git", ".build", ".swiftpm", ".era", "bench-results", "Package.resolved", "__pycache__",
    ]

    /// The root directory. `make core` reaches this file through a symbolic link, which is resolved.
    static let root: String = {
        let here = #filePath
        guard let resolved = realpath(here, nil) else { preconditionFailure("cannot find \(here)") }
        defer { free(resolved) }
        let components = String(cString: resolved).split(separator: "/").dropLast(3)
        return "/" + components.joined(separator: "/")
    }()

    /// Every text file, sorted by path. A file that is not UTF-8 is none.
    static let files: [TextFile] = paths(below: "").sorted().compactMap { path in
        guard let content = FileManager.default.contents(atPath: "\(root)/\(path)"),
            let text = String(validating: content, as: UTF8.self)
        else { return nil }
        return TextFile(path: path, text: text)
    }

    /// The Swift files of the product: libraries, programs, samples.
    static let sources = files.filter { file in
        file.path.hasSuffix(".swift") && (file.path.hasPrefix("Sources/") || file.path.hasPrefix("samples/"))
    }

    static let swiftFiles = files.filter { $0.path.hasSuffix(".swift") }
    static let documents = files.filter { $0.path.hasSuffix(".md") }
    static let manifests = files.filter { $0.path.hasPrefix("manifests/") && $0.path.hasSuffix(".yaml") }

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: "\(root)/\(path)")
    }

    private static func paths(below directory: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(root)/\(directory)")) ?? []
        return names.filter { !skipped.contains($0) && !$0.hasPrefix(".build") }.flatMap { name in
            let path = directory.isEmpty ? name : "\(directory)/\(name)"
            var isDirectory = false
            guard FileManager.default.fileExists(atPath: "\(root)/\(path)", isDirectory: &isDirectory) else {
                return [String]()
            }
            return isDirectory ? paths(below: path) : [path]
        }
    }
}
