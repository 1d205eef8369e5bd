import CLibYAML

/// What is wrong with the form of a YAML text, and where.
struct YAMLProblem: Error, Equatable, Sendable {
    var position: SourcePosition
    var message: String
}

/// One event of a YAML text.
struct YAMLEvent {
    enum Kind {
        case streamStart, streamEnd, documentStart, documentEnd, sequenceEnd, mappingEnd
        case alias(String)
        case scalar(text: String, isPlain: Bool, Properties)
        case sequenceStart(Properties)
        case mappingStart(Properties)
    }

    /// What may stand before a value: `&anchor`, `!tag`.
    struct Properties {
        var anchor: String?
        var tag: String?
    }

    var kind: Kind
    /// In the text that the events are read from.
    var position: SourcePosition
}

/// Reads the events of a text by libyaml's event parser, which neither recurses nor looks far ahead.
struct YAMLEvents: ~Copyable {
    // At a fixed address, because libyaml keeps a pointer to it.
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let text: UnsafeBufferPointer<UInt8>

    /// - Parameter text: UTF-8 without a byte order mark; must outlive the reader.
    init(_ text: UnsafeBufferPointer<UInt8>) {
        self.text = text
        parser = .allocate(capacity: 1)
        // Without memory for a parser there is no way to go on.
        guard yaml_parser_initialize(parser) == 1 else { fatalError("out of memory") }
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, text.baseAddress ?? Self.nothing, text.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
    }

    /// The next event.
    /// - Throws: ``YAMLProblem`` where the text is no YAML; there is nothing to be read after that.
    mutating func next() throws(YAMLProblem) -> YAMLEvent {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw problem }
        defer { yaml_event_delete(&event) }
        return YAMLEvent(kind: kind(of: event), position: position(event.start_mark))
    }

    private func kind(of event: yaml_event_t) -> YAMLEvent.Kind {
        switch event.type {
        case YAML_STREAM_START_EVENT: .streamStart
        case YAML_DOCUMENT_START_EVENT: .documentStart
        case YAML_DOCUMENT_END_EVENT: .documentEnd
        case YAML_SEQUENCE_END_EVENT: .sequenceEnd
        case YAML_MAPPING_END_EVENT: .mappingEnd
        case YAML_ALIAS_EVENT: .alias(string(event.data.alias.anchor) ?? "")
        case YAML_SEQUENCE_START_EVENT:
            .sequenceStart(
                properties(event.data.sequence_start.anchor, event.data.sequence_start.tag)
            )
        case YAML_MAPPING_START_EVENT:
            .mappingStart(properties(event.data.mapping_start.anchor, event.data.mapping_start.tag))
        case YAML_SCALAR_EVENT:
            .scalar(
                text: String(
                    decoding: UnsafeBufferPointer(
                        start: event.data.scalar.value,
                        count: event.data.scalar.length
                    ),
                    as: UTF8.self
                ),
                isPlain: event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE,
                properties(event.data.scalar.anchor, event.data.scalar.tag)
            )
        // libyaml has no other event; YAML_NO_EVENT follows the end of the stream.
        default: .streamEnd
        }
    }

    private func properties(
        _ anchor: UnsafeMutablePointer<UInt8>?,
        _ tag: UnsafeMutablePointer<UInt8>?
    ) -> YAMLEvent.Properties {
        YAMLEvent.Properties(anchor: string(anchor), tag: string(tag))
    }

    private func string(_ bytes: UnsafeMutablePointer<UInt8>?) -> String? {
        bytes.map { String(cString: $0) }
    }

    private func position(_ mark: yaml_mark_t) -> SourcePosition {
        SourcePosition(line: mark.line + 1, column: mark.column + 1)
    }

    /// libyaml's own words, with what to do about the errors that people make.
    private var problem: YAMLProblem {
        let failed = parser.pointee
        let words = failed.problem.map { String(cString: $0) } ?? "the text is no YAML"
        let context = failed.context.map { String(cString: $0) + ": " } ?? ""
        return YAMLProblem(
            position: position(failed.problem_mark),
            message: "\(context)\(words)" + hint(for: words, at: failed.problem_mark)
        )
    }

    private func hint(for words: String, at mark: yaml_mark_t) -> String {
        switch words {
        case "found character that cannot start any token":
            switch character(at: mark) {
            case "\t": "; indent with spaces, YAML allows no tabs there"
            case "@", "`", "%": "; put the text in quotes"
            default: ""
            }
        case "found a tab character that violates indentation":
            "; indent with spaces"
        case "mapping values are not allowed in this context":
            "; put a text that contains \": \" in quotes, or mend the indentation"
        case "did not find expected key", "could not find expected ':'":
            "; look at the indentation of this line and the one before"
        case "did not find expected ',' or ']'", "did not find expected ',' or '}'":
            "; a bracket is not closed, or a comma is missing"
        case "found unexpected end of stream", "found unexpected document indicator":
            "; a quote is not closed"
        default: ""
        }
    }

    private func character(at mark: yaml_mark_t) -> Character? {
        // The mark counts characters; a hint is worth one walk, and there is one problem a document.
        var offset = 0
        var count = 0
        while offset < text.count, count < mark.index {
            offset += 1
            while offset < text.count, text[offset] & 0xC0 == 0x80 { offset += 1 }
            count += 1
        }
        return offset < text.count ? Character(Unicode.Scalar(text[offset])) : nil
    }

    private static var nothing: UnsafePointer<UInt8> {
        // An address for an empty text; never read, as the length is 0.
        UnsafePointer(bitPattern: 1).unsafelyUnwrapped
    }
}
