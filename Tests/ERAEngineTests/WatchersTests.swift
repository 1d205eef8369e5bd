import Testing

@testable import ERAEngine

/// Who watches, and for how long the engine knows of it.
@Suite struct WatchersTests {
    @Test func `a stream that nobody holds any more is forgotten at once`() {
        let watchers = Watchers<Int>(limit: 4)
        withExtendedLifetime(watchers.add()) { #expect(watchers.count == 1) }
        #expect(watchers.isEmpty)
    }

    @Test func `a reader whose task is cancelled is forgotten without another change`() async {
        let watchers = Watchers<Int>(limit: 4)
        let stays = watchers.add()
        let reader = Task { [stream = watchers.add()] in for await _ in stream {} }
        reader.cancel()
        await reader.value
        #expect(watchers.count == 1)
        watchers.send(1)
        var seen = stays.makeAsyncIterator()
        #expect(await seen.next() == 1)
    }

    @Test func `who falls behind sees the oldest, then the end; the others go on`() async {
        let watchers = Watchers<Int>(limit: 2)
        let slow = watchers.add()
        var quick = watchers.add().makeAsyncIterator()
        for number in 1...4 {
            watchers.send(number)
            #expect(await quick.next() == number)
        }
        var seen: [Int] = []
        for await number in slow { seen.append(number) }
        #expect(seen == [1, 2])
        #expect(watchers.count == 1)
    }

    @Test func `the end of all ends each`() async {
        let watchers = Watchers<Int>(limit: 2)
        let streams = [watchers.add(), watchers.add()]
        watchers.send(7)
        watchers.finish()
        for stream in streams { #expect(await stream.reduce(into: []) { $0.append($1) } == [7]) }
        #expect(watchers.isEmpty)
    }

    @Test func `who comes after the end of all sees the end`() async {
        let watchers = Watchers<Int>(limit: 2)
        watchers.finish()
        #expect(await watchers.add().reduce(into: []) { $0.append($1) } == [])
        #expect(watchers.isEmpty)
    }
}
