import Dispatch
import ERALinux
import Glibc
import Synchronization
import Testing

/// A watch tells what can be read, until it ends, and closes its descriptor.
@Suite(.timeLimit(.minutes(2))) struct DescriptorWatchTests {
    private struct Pipe {
        let reading: CInt
        let writing: CInt

        init() throws {
            var ends: [CInt] = [-1, -1]
            try #require(pipe(&ends) == 0)
            (reading, writing) = (ends[0], ends[1])
            _ = fcntl(reading, F_SETFL, O_NONBLOCK)
        }

        /// Which it is: its number may be another's as soon as it is closed.
        var inode: ino_t? {
            var status = stat()
            return fstat(reading, &status) == 0 ? status.st_ino : nil
        }

        func write(_ text: String) { _ = Glibc.write(writing, text, text.utf8.count) }
    }

    @Test func `it tells again while something is left, and of the end`() async throws {
        let pipe = try Pipe()
        let queue = DispatchQueue(label: "test")
        let (pieces, told) = AsyncStream<String>.makeStream()
        let watch = try #require(
            DescriptorWatch(pipe.reading, queue: queue) {
                var buffer = [UInt8](repeating: 0, count: 2)
                let count = read(pipe.reading, &buffer, 2)
                told.yield(String(decoding: buffer.prefix(max(0, count)), as: UTF8.self))
                if count == 0 { told.finish() }
            }
        )
        pipe.write("abc")
        var heard = ""
        for await piece in pieces {
            heard += piece
            switch heard {
            case "abc": pipe.write("d")
            case "abcd" where !piece.isEmpty: close(pipe.writing)
            default: break
            }
        }
        #expect(heard == "abcd")
        let inode = pipe.inode
        watch.cancel()
        queue.sync {}
        #expect(inode != nil && pipe.inode != inode)
    }

    @Test func `after the end of a watch nothing is told, and its descriptor is closed`() throws {
        let pipe = try Pipe()
        defer { close(pipe.writing) }
        let queue = DispatchQueue(label: "test")
        let count = Atomic(0)
        var watch = DescriptorWatch(pipe.reading, queue: queue) { count.add(1, ordering: .relaxed) }
        try #require(watch != nil)
        // Told, but not yet called: the queue is held up.
        let inode = pipe.inode
        queue.sync {
            pipe.write("x")
            usleep(50_000)
            watch = nil
        }
        queue.sync {}
        #expect(count.load(ordering: .relaxed) == 0)
        #expect(inode != nil && pipe.inode != inode)
    }

    @Test func `what the kernel cannot watch stays the caller's`() throws {
        let file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC)
        defer { close(file) }
        #expect(DescriptorWatch(file, queue: DispatchQueue(label: "test")) {} == nil)
        #expect(fcntl(file, F_GETFD) >= 0)
    }

    @Test func `ten thousand pipes hang up, each on a queue of its own, and all are told of it`() async throws
    {
        for _ in 0..<625 {
            let pipes = try (0..<16).map { _ in try Pipe() }
            await withTaskGroup(of: Void.self) { group in
                for pipe in pipes { group.addTask { await Self.hangUp(pipe) } }
            }
        }
    }

    private static func hangUp(_ pipe: Pipe) async {
        let (ends, told) = AsyncStream<Void>.makeStream()
        let watch = DescriptorWatch(pipe.reading, queue: DispatchQueue(label: "one")) {
            var byte: UInt8 = 0
            if read(pipe.reading, &byte, 1) == 0 { told.yield() }
        }
        close(pipe.writing)
        for await _ in ends { break }
        watch?.cancel()
    }
}
