import CShim

/// The control socket: a few connections, each with lines that ask, each answered by the whole record.
struct Control {
    /// What a line asks for.
    enum Request {
        /// The record, now.
        case status
        /// The record now and after each change.
        case watch
        /// Signal, then after so many milliseconds SIGKILL.
        case stop(signal: Int32, graceMilliseconds: Int64)
        /// The listening sockets, as descriptors beside their names.
        case sockets
        /// Whoever asks has the sockets now, or nobody wants that one: a shim that only holds sockets lets go
        /// of the one with this name, which lasts till the next request, or of all, and ends with the last.
        case release(CText?)
    }

    /// One peer.
    struct Connection {
        var descriptor: Int32 = -1
        var isWatching = false
        var count = 0
    }

    /// Peers at one time; one more is turned away.
    static let connectionLimit = 8
    /// The longest request in bytes; whoever sends more is cut off.
    static let lineLimit = 64

    let connections: UnsafeMutablePointer<Connection>
    private(set) var listener: Int32
    private let directory: Int32
    private let name: Text
    private let lines: UnsafeMutablePointer<UInt8>

    /// Listens in `directory`; whoever holds the instance's lock may replace a socket left there.
    init(directory: Int32, name source: CText, starter: Int32) {
        self.directory = directory
        var name = Text(capacity: 128)
        name.append(source)
        self.name = name
        listener = era_listen_unix(directory, name.cText)
        connections = .allocate(capacity: Self.connectionLimit)
        connections.initialize(repeating: Connection(), count: Self.connectionLimit)
        lines = .allocate(capacity: Self.connectionLimit * Self.lineLimit)
        connections[0] = Connection(descriptor: starter, isWatching: true)
    }

    /// Takes in one peer.
    func accept() {
        let descriptor = era_accept(listener)
        guard descriptor >= 0 else { return }
        for index in 0..<Self.connectionLimit where connections[index].descriptor < 0 {
            connections[index] = Connection(descriptor: descriptor)
            return
        }
        era_close(descriptor)
    }

    /// Reads what a peer sent.
    ///
    /// - Returns: The next whole request; nil when there is none yet, or the peer is gone or talks nonsense.
    func receive(_ index: Int) -> Request? {
        let line = lines + index * Self.lineLimit
        var connection = connections[index]
        let room = Self.lineLimit - connection.count
        let count = Int(era_read(connection.descriptor, line + connection.count, Int64(room)))
        if count == -Int(ERA_EAGAIN) || count == -Int(ERA_EINTR) { return nil }
        guard count > 0 else {
            close(index)
            return nil
        }
        connection.count += count
        connections[index].count = connection.count
        guard line[connection.count - 1] == 10 else {
            if connection.count == Self.lineLimit { close(index) }
            return nil
        }
        connections[index].count = 0
        line[connection.count - 1] = 0
        let text = UnsafeMutableRawPointer(line).assumingMemoryBound(to: CChar.self)
        guard let request = Self.parse(text) else {
            close(index)
            return nil
        }
        if case .watch = request { connections[index].isWatching = true }
        return request
    }

    /// Sends bytes to a peer; one that does not take them at once is cut off.
    func send(_ text: Text, to index: Int) {
        let descriptor = connections[index].descriptor
        if era_send(descriptor, text.bytes, Int64(text.count)) != Int64(text.count) { close(index) }
    }

    func send(_ text: Text, descriptors: UnsafePointer<Int32>, _ count: Int, to index: Int) {
        let descriptor = connections[index].descriptor
        let sent = era_send_descriptors(descriptor, text.bytes, Int64(text.count), descriptors, Int32(count))
        if sent != Int64(text.count) { close(index) }
    }

    func close(_ index: Int) {
        era_close(connections[index].descriptor)
        connections[index] = Connection()
    }

    /// Makes the name free for the next shim of the instance; a socket that is kept gets a longer name.
    mutating func leave(keepingSocket: Bool) {
        let old = name
        guard keepingSocket else {
            _ = era_remove(directory, old.cText)
            era_close(listener)
            listener = -1
            return
        }
        var new = Text(capacity: 160)
        new.append(old.bytes, old.count)
        new.append(".h")
        new.append(Int64(era_pid()))
        _ = era_rename(directory, old.cText, new.cText)
    }

    /// Removes the socket of a shim that held sockets only.
    func removeHolder() {
        var holder = Text(capacity: 160)
        holder.append(name.bytes, name.count)
        holder.append(".h")
        holder.append(Int64(era_pid()))
        _ = era_remove(directory, holder.cText)
    }

    private static func parse(_ line: CText) -> Request? {
        if equals(line, "status") { return .status }
        if equals(line, "watch") { return .watch }
        if equals(line, "sockets") { return .sockets }
        if equals(line, "release") { return .release(nil) }
        if hasPrefix(line, "release ") { return .release(line + 8) }
        guard hasPrefix(line, "stop ") else { return nil }
        var position = 5
        guard let signal = readNumber(line, &position), (1...64).contains(signal),
            let grace = readNumber(line, &position), line[position] == 0
        else { return nil }
        return .stop(signal: Int32(signal), graceMilliseconds: Int64(clamping: min(grace, 86_400_000)))
    }

    private static func equals(_ line: CText, _ word: StaticString) -> Bool {
        hasPrefix(line, word) && line[word.utf8CodeUnitCount] == 0
    }
}
