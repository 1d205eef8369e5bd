import CShim

/// The program: becomes the parent of one workload, and ends when nothing of it is left.
///
/// Descriptor 3 is the connection to whoever started us, 4 the configuration, 5 the lock that says that this
/// instance has a supervisor; listening sockets follow (docs/shim.md). `era-shim within …` and
/// `era-shim inside …` are other programs: they enter a user namespace and become what is named there.
@_cdecl("era_shim_main")
public func main(count: Int32, words: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32 {
    if count > 2, let verb = words[1] {
        if isWord(verb, "within") { return era_run_within(words + 2) }
        if isWord(verb, "inside") { return era_run_inside(words + 2) }
    }
    var size: Int64 = 0
    guard let bytes = era_map(Inherited.configuration, &size) else {
        return reject(stage: .configuration, error: 0)
    }
    guard let configuration = Configuration(bytes, Int(size)) else {
        return reject(stage: .configuration, error: 0)
    }
    era_close(Inherited.configuration)
    switch Shim.start(configuration) {
    case .failed(let stage, let error):
        return reject(stage: stage, error: error)
    case .started(var shim):
        // The environment may hold secrets; from here on the workload alone has it.
        era_unmap(bytes, size)
        shim.run()
        return 0
    }
}

/// Whether a C text is this word.
private func isWord(_ text: CText, _ word: StaticString) -> Bool {
    hasPrefix(text, word) && text[word.utf8CodeUnitCount] == 0
}

/// Descriptors that the daemon hands over.
enum Inherited {
    static let starter: Int32 = 3
    static let configuration: Int32 = 4
    static let lock: Int32 = 5
    static let firstSocket: Int32 = 6
}

/// Tells whoever started us why there is no workload.
func reject(stage: Stage, error: Int32) -> Int32 {
    var text = Text(capacity: 64)
    text.append("failed ")
    text.append(Int64(stage.rawValue))
    text.append(" ")
    text.append(Int64(error))
    text.append("\nend\n")
    _ = era_send(Inherited.starter, text.bytes, Int64(text.count))
    return 1
}

/// What a launch was doing; the numbers are the protocol's.
struct Stage {
    let rawValue: UInt32
}
