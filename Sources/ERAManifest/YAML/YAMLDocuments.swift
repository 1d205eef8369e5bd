/// One document of a YAML text.
struct YAMLDocument: Sendable {
    /// What was read; with a problem, as far as it was read. Nil where there is nothing.
    var root: YAMLNode?
    /// What is wrong with its form; nil when it is whole.
    var problem: YAMLProblem?
    /// Whether reading ended here, although the text goes on.
    var isLastRead = false

    /// All documents of a text.
    ///
    /// A document that breaks off does not hide the next one: a line that begins with `---` begins a
    /// document, whatever stands before it (YAML 1.2.2, section 9.1.4, `c-forbidden`).
    /// - Parameter problemLimit: How many broken documents are worth reading on.
    static func all(in text: SourceText, problemLimit: Int = ManifestLimits.diagnosticLimit) -> [YAMLDocument]
    {
        text.bytes.withUnsafeBufferPointer { bytes in
            guard directiveCount(bytes) <= ManifestLimits.directiveLimit else {
                let message = "more than \(ManifestLimits.directiveLimit) lines that begin with %"
                return [YAMLDocument(problem: YAMLProblem(position: .start, message: message))]
            }
            var reading = Reading(bytes: bytes)
            while let restart = reading.readUntilProblem() {
                guard reading.problemCount < problemLimit else {
                    reading.stop()
                    break
                }
                reading.start = restart
            }
            return reading.documents
        }
    }

    private static func directiveCount(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
        var count = 0
        var isLineStart = true
        for byte in bytes {
            if isLineStart, byte == UInt8(ascii: "%") { count += 1 }
            isLineStart = byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
        }
        return count
    }

    /// The work in progress on one text.
    private struct Reading {
        /// An offset in bytes, and how many lines stand before it.
        struct Place {
            var offset = 0
            var line = 0
        }

        let bytes: UnsafeBufferPointer<UInt8>
        var start = Place()
        var documents: [YAMLDocument] = []
        var problemCount = 0
        private var nodeCount = 0

        init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

        /// Reads documents from `start` on, to the end or the first problem.
        /// - Returns: Where to go on after a problem; nil when there is nothing more to read.
        mutating func readUntilProblem() -> Place? {
            var events = YAMLEvents(UnsafeBufferPointer(rebasing: bytes[start.offset...]))
            var composer = YAMLComposer(nodeCount: nodeCount)
            var documentLine = start.line
            do throws(YAMLProblem) {
                while true {
                    var event = try events.next()
                    event.position.line += start.line
                    switch event.kind {
                    case .streamEnd: return nil
                    case .documentStart:
                        documentLine = event.position.line - 1
                        guard documents.count < ManifestLimits.documentLimit else {
                            let message = "more than \(ManifestLimits.documentLimit) documents in one file"
                            documents.append(
                                YAMLDocument(problem: YAMLProblem(position: event.position, message: message))
                            )
                            return nil
                        }
                    case .documentEnd:
                        documents.append(YAMLDocument(root: composer.root))
                        nodeCount = composer.nodeCount
                        composer = YAMLComposer(nodeCount: nodeCount)
                    case .streamStart, .alias, .scalar, .sequenceStart, .sequenceEnd, .mappingStart,
                        .mappingEnd:
                        do throws(YAMLProblem) { try composer.take(event) } catch {
                            throw relative(error)
                        }
                    }
                }
            } catch {
                var problem = error
                problem.position.line += start.line
                documents.append(YAMLDocument(root: composer.partialRoot, problem: problem))
                problemCount += 1
                nodeCount = composer.nodeCount
                guard nodeCount <= ManifestLimits.nodeLimit else {
                    stop()
                    return nil
                }
                return documentMark(from: max(problem.position.line - 1, max(documentLine, start.line) + 1))
            }
        }

        /// Says of the last document that others may follow it unread.
        mutating func stop() {
            if let last = documents.indices.last { documents[last].isLastRead = true }
        }

        /// The composer's problems name lines of the whole text, libyaml's those of the part.
        private func relative(_ problem: YAMLProblem) -> YAMLProblem {
            var problem = problem
            problem.position.line -= start.line
            return problem
        }

        /// The first line from `line` on that begins a document.
        private func documentMark(from line: Int) -> Place? {
            var place = start
            while place.offset < bytes.count {
                if place.line >= line, isDocumentMark(at: place.offset) { return place }
                while place.offset < bytes.count {
                    let byte = bytes[place.offset]
                    place.offset += 1
                    if byte == UInt8(ascii: "\n") { break }
                    if byte == UInt8(ascii: "\r") {
                        if place.offset < bytes.count, bytes[place.offset] == UInt8(ascii: "\n") {
                            place.offset += 1
                        }
                        break
                    }
                }
                place.line += 1
            }
            return nil
        }

        private func isDocumentMark(at offset: Int) -> Bool {
            guard bytes[offset...].starts(with: [0x2D, 0x2D, 0x2D]) else { return false }
            guard offset + 3 < bytes.count else { return true }
            return [0x20, 0x09, 0x0A, 0x0D].contains(bytes[offset + 3])
        }
    }
}
