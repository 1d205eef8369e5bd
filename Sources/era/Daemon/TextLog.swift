import ERACore
import Logging
import Synchronization

/// Log lines as people and journald read them: time, level, message, what it is about.
struct TextLog: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    /// Takes each finished line.
    let write: @Sendable (String) -> Void

    init(level: Logger.Level, write: @escaping @Sendable (String) -> Void) {
        logLevel = level
        self.write = write
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
        let details = all.sorted { $0.key < $1.key }.map { key, value in
            "\(key)=\(Self.quoted("\(value)"))"
        }
        let words = [WallTime.now().rfc3339, event.level.rawValue.uppercased(), "\(event.message)"] + details
        write(DisplayText.line(words.joined(separator: " ")))
    }

    private static func quoted(_ text: String) -> String {
        text.contains(" ") ? "\"\(text)\"" : text
    }
}
