import CShim

/// What to run and how, as the daemon wrote it: records of one tag byte, a length of four bytes (little
/// endian), the value, and a zero that the length does not count.
///
/// The texts stay where they are: a configuration is valid as long as its bytes are mapped.
struct Configuration {
    /// What a record holds; numbers are decimal text. docs/shim.md lists them.
    private enum Tag {
        static let argument: UInt8 = 0x61  // a
        static let environment: UInt8 = 0x65  // e
        static let stateDirectory: UInt8 = 0x53  // S
        static let logDirectory: UInt8 = 0x4C  // L
        static let runDirectory: UInt8 = 0x52  // R
        static let controlName: UInt8 = 0x4E  // N
        static let bootID: UInt8 = 0x42  // B
        static let workingDirectory: UInt8 = 0x63  // c
        static let executable: UInt8 = 0x78  // x
        static let user: UInt8 = 0x75  // u
        static let capabilities: UInt8 = 0x70  // p
        static let limit: UInt8 = 0x72  // r
        static let oomScore: UInt8 = 0x6F  // o
        static let log: UInt8 = 0x6C  // l
        static let socketName: UInt8 = 0x73  // s
        static let heldPort: UInt8 = 0x68  // h
        static let cgroup: UInt8 = 0x67  // g
        static let mount: UInt8 = 0x4D  // M
        static let restriction: UInt8 = 0x76  // v
        static let grace: UInt8 = 0x74  // t
        static let pidFile: UInt8 = 0x50  // P
        static let gain: UInt8 = 0x47  // G
    }

    static let magic: StaticString = "ERASHIM1"
    /// More sockets than this do not fit one message of SCM_RIGHTS as we send it.
    static let socketLimit = 64

    private(set) var stateDirectory: CText?
    private(set) var logDirectory: CText?
    private(set) var runDirectory: CText?
    private(set) var controlName: CText?
    private(set) var bootID: CText?
    private(set) var logMaxSize: Int64 = 10 << 20
    private(set) var logMaxFiles: Int64 = 5
    /// How long what a workload left behind may take to end after SIGTERM, in milliseconds.
    private(set) var graceMilliseconds: Int64 = 2000
    /// Where a launcher leaves the number of the workload; nil where what is launched is the workload.
    private(set) var pidFile: CText?
    /// The workload's cgroup: it starts in it, or its launcher makes it.
    private(set) var cgroup: CText?
    /// Of the sockets for the workload, and of those that only hold a port, which come after them.
    private(set) var socketCount = 0
    private var heldCount = 0
    /// The names of the sockets, each on a line.
    private(set) var socketNames = Text(capacity: 64 * 64)
    /// Lines of the state file that the daemon knew before the start.
    private(set) var restrictions = Text(capacity: 2048)
    private(set) var launch = era_launch()

    private let arguments: UnsafeMutablePointer<CText?>
    private let environment: UnsafeMutablePointer<CText?>
    private let limits: UnsafeMutablePointer<era_limit>
    private let mounts: UnsafeMutablePointer<era_mount>
    private let groups: UnsafeMutablePointer<UInt32>
    /// The sockets, in the order of their names; they stay when the rest is given back.
    let sockets: UnsafeMutablePointer<Int32>
    private var argumentCount = 0
    private var environmentCount = 0

    /// Nil when the bytes are not a configuration.
    init?(_ bytes: UnsafeMutablePointer<UInt8>, _ size: Int) {
        let records = Self.count(bytes, size)
        guard records > 0 else { return nil }
        arguments = .allocate(capacity: records + 1)
        environment = .allocate(capacity: records + 1)
        limits = .allocate(capacity: records)
        mounts = .allocate(capacity: records)
        groups = .allocate(capacity: 256)
        sockets = .allocate(capacity: Self.socketLimit)

        var reader = RecordReader(bytes, size)
        while let record = reader.next() {
            guard take(record.tag, record.value, record.length) else { return nil }
        }
        arguments[argumentCount] = nil
        environment[environmentCount] = nil
        guard stateDirectory != nil, logDirectory != nil, runDirectory != nil, controlName != nil,
            bootID != nil,
            launch.path != nil, launch.directory != nil, argumentCount > 0
        else { return nil }
        launch.arguments = UnsafePointer(arguments)
        launch.environment = UnsafePointer(environment)
        launch.limits = UnsafePointer(limits)
        launch.mounts = UnsafePointer(mounts)
        launch.groups = UnsafePointer(groups)
        launch.sockets = UnsafePointer(sockets)
        launch.socket_count = Int32(socketCount - heldCount)
        if pidFile == nil, let cgroup { launch.cgroup = UnsafePointer(cgroup) }
    }

    /// Gives back what `init` allocated, so that nothing of a launch stays in memory.
    func deallocate() {
        arguments.deallocate()
        environment.deallocate()
        limits.deallocate()
        mounts.deallocate()
        groups.deallocate()
    }

    /// The ends of the workload's output pipes.
    mutating func connect(output: Int32, error: Int32) {
        launch.output = output
        launch.error = error
    }

    /// The number of records, or 0 when they do not fill the bytes exactly.
    private static func count(_ bytes: UnsafeMutablePointer<UInt8>, _ size: Int) -> Int {
        var reader = RecordReader(bytes, size)
        var count = 0
        while reader.next() != nil { count += 1 }
        return reader.isAtEnd ? count : 0
    }

    private mutating func take(_ tag: UInt8, _ value: CText, _ length: Int) -> Bool {
        switch tag {
        case Tag.argument:
            arguments[argumentCount] = value
            argumentCount += 1
        case Tag.environment:
            environment[environmentCount] = value
            environmentCount += 1
            if hasPrefix(value, "LISTEN_PID=") { launch.listen_pid = value + 11 }
        case Tag.stateDirectory: stateDirectory = value
        case Tag.logDirectory: logDirectory = value
        case Tag.runDirectory: runDirectory = value
        case Tag.controlName: controlName = value
        case Tag.bootID: bootID = value
        case Tag.workingDirectory: launch.directory = UnsafePointer(value)
        case Tag.executable: launch.path = UnsafePointer(value)
        case Tag.oomScore: launch.oom_score_adjust = UnsafePointer(value)
        case Tag.cgroup: cgroup = value
        case Tag.pidFile: pidFile = value
        case Tag.gain: launch.gains_privileges = 1
        case Tag.restriction:
            restrictions.append("restriction ")
            restrictions.append(value)
            restrictions.append("\n")
        case Tag.socketName, Tag.heldPort:
            guard socketCount < Self.socketLimit, tag == Tag.heldPort || heldCount == 0 else { return false }
            if tag == Tag.heldPort { heldCount += 1 }
            sockets[socketCount] = Inherited.firstSocket + Int32(socketCount)
            socketCount += 1
            socketNames.append(value)
            socketNames.append("\n")
        case Tag.user: return takeUser(value)
        case Tag.mount: return takeMount(value, length)
        default: return takeNumbers(tag, value)
        }
        return true
    }

    private mutating func takeNumbers(_ tag: UInt8, _ value: CText) -> Bool {
        var position = 0
        guard let first = readNumber(value, &position) else { return false }
        switch tag {
        case Tag.capabilities: launch.capabilities = first
        case Tag.grace: graceMilliseconds = Int64(clamping: first)
        case Tag.log:
            guard let files = readNumber(value, &position) else { return false }
            logMaxSize = Int64(clamping: first)
            logMaxFiles = Int64(clamping: files)
        case Tag.limit:
            guard let soft = readNumber(value, &position), let hard = readNumber(value, &position)
            else { return false }
            limits[Int(launch.limit_count)] = era_limit(
                resource: Int32(truncatingIfNeeded: first),
                soft: soft,
                hard: hard
            )
            launch.limit_count += 1
        default: return false
        }
        return true
    }

    /// User, group, and supplementary groups.
    private mutating func takeUser(_ value: CText) -> Bool {
        var position = 0
        guard let user = readNumber(value, &position), let group = readNumber(value, &position)
        else { return false }
        launch.user = UInt32(truncatingIfNeeded: user)
        launch.group = UInt32(truncatingIfNeeded: group)
        launch.switches_user = 1
        while let next = readNumber(value, &position), launch.group_count < 256 {
            groups[Int(launch.group_count)] = UInt32(truncatingIfNeeded: next)
            launch.group_count += 1
        }
        return true
    }

    /// Source (empty for tmpfs and overlay), target, options, and `ro`, `rw` or `overlay`: zeros between
    /// them.
    private mutating func takeMount(_ value: CText, _ length: Int) -> Bool {
        var mounting = era_mount()
        var part = value
        var number = 0
        for index in 0...length where value[index] == 0 {
            switch number {
            case 0: mounting.source = part[0] == 0 ? nil : UnsafePointer(part)
            case 1: mounting.target = UnsafePointer(part)
            case 2: mounting.options = UnsafePointer(part)
            case 3:
                mounting.is_read_only = part[1] == 111 ? 1 : 0  // the o of ro
                mounting.is_overlay = part[0] == 111 ? 1 : 0  // the o of overlay
            default: return false
            }
            number += 1
            part = value + index + 1
        }
        guard number == 4 else { return false }
        mounts[Int(launch.mount_count)] = mounting
        launch.mount_count += 1
        return true
    }
}

/// Walks over the records of a configuration.
struct RecordReader {
    private let bytes: UnsafeMutablePointer<UInt8>
    private let size: Int
    private var position: Int

    init(_ bytes: UnsafeMutablePointer<UInt8>, _ size: Int) {
        self.bytes = bytes
        self.size = size
        position = 0
        let magic = Configuration.magic
        guard size >= magic.utf8CodeUnitCount else { return }
        for index in 0..<magic.utf8CodeUnitCount where bytes[index] != magic.utf8Start[index] { return }
        position = magic.utf8CodeUnitCount
    }

    /// Whether every byte belonged to a record.
    var isAtEnd: Bool { position == size }

    mutating func next() -> (tag: UInt8, value: CText, length: Int)? {
        guard position > 0, size - position >= 6 else { return nil }
        var length = 0
        for index in 0..<4 { length |= Int(bytes[position + 1 + index]) << (8 * index) }
        guard length <= size - position - 6, bytes[position + 5 + length] == 0 else { return nil }
        let start = bytes + position + 5
        let tag = bytes[position]
        position += 6 + length
        return start.withMemoryRebound(to: CChar.self, capacity: length + 1) { (tag, $0, length) }
    }
}

/// Whether a C text begins so.
func hasPrefix(_ text: CText, _ prefix: StaticString) -> Bool {
    for index in 0..<prefix.utf8CodeUnitCount where UInt8(bitPattern: text[index]) != prefix.utf8Start[index]
    {
        return false
    }
    return true
}
