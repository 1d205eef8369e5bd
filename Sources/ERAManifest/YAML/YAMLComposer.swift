import ERACore

/// Builds the tree of one document from its events, within the limits.
struct YAMLComposer {
    /// A list or mapping that has begun and not ended.
    private struct Frame {
        let isMapping: Bool
        let position: SourcePosition
        let anchor: String?
        var elements: [YAMLNode] = []
        var members: [YAMLNode.Member] = []
        var key: (text: String, position: SourcePosition, isPlain: Bool)?
        /// How many keys and values are inside, itself included.
        var size = 1

        var node: YAMLNode { YAMLNode(isMapping ? .mapping(members) : .sequence(elements), at: position) }
    }

    /// What an anchor names; nil while that is still being read.
    private struct Anchored {
        var node: YAMLNode?
        var size: Int
    }

    private var frames: [Frame] = []
    private var anchors: [String: Anchored] = [:]
    private var expanded = 0
    /// The keys and values of the file so far.
    private(set) var nodeCount: Int
    /// The whole document, when it has ended.
    private(set) var root: YAMLNode?

    init(nodeCount: Int) { self.nodeCount = nodeCount }

    /// What there is of a document that broke off: what is open is taken as ended.
    var partialRoot: YAMLNode? {
        guard var inner = frames.last?.node else { return root }
        for frame in frames.dropLast().reversed() {
            var outer = frame
            if outer.isMapping, let key = outer.key {
                outer.members.append(member(key, inner))
            } else if !outer.isMapping {
                outer.elements.append(inner)
            }
            inner = outer.node
        }
        return inner
    }

    /// - Throws: ``YAMLProblem`` for a limit, a foreign tag, an alias that names nothing or itself, a key
    ///   that is no scalar.
    mutating func take(_ event: YAMLEvent) throws(YAMLProblem) {
        switch event.kind {
        case .streamStart, .streamEnd, .documentStart, .documentEnd: break
        case .scalar(let text, let isPlain, let properties):
            try count(1, at: event.position)
            try takeScalar(text, isPlain, properties, at: event.position)
        case .alias(let name): try takeAlias(name, at: event.position)
        case .sequenceStart(let properties):
            try open(isMapping: false, properties, at: event.position)
        case .mappingStart(let properties):
            try open(isMapping: true, properties, at: event.position)
        case .sequenceEnd, .mappingEnd:
            guard let frame = frames.popLast() else { break }
            let node = frame.node
            if let anchor = frame.anchor { anchors[anchor] = Anchored(node: node, size: frame.size) }
            add(node, size: frame.size)
        }
    }

    private mutating func open(
        isMapping: Bool,
        _ properties: YAMLEvent.Properties,
        at position: SourcePosition
    ) throws(YAMLProblem) {
        try count(1, at: position)
        try refuseAsKey(at: position)
        if let tag = properties.tag, tag != "!", tag != CoreSchema.tagPrefix + (isMapping ? "map" : "seq") {
            throw foreign(tag, at: position)
        }
        guard frames.count < ManifestLimits.depthLimit else {
            throw YAMLProblem(
                position: position,
                message: "more than \(ManifestLimits.depthLimit) lists and mappings inside each other"
            )
        }
        if let anchor = properties.anchor { try note(anchor, Anchored(node: nil, size: 0), at: position) }
        frames.append(Frame(isMapping: isMapping, position: position, anchor: properties.anchor))
    }

    private mutating func takeScalar(
        _ text: String,
        _ isPlain: Bool,
        _ properties: YAMLEvent.Properties,
        at position: SourcePosition
    ) throws(YAMLProblem) {
        let value: JSONValue
        if let tag = properties.tag {
            guard CoreSchema.isScalarTag(tag) else { throw foreign(tag, at: position) }
            guard let typed = CoreSchema.value(of: text, tag: tag) else {
                throw YAMLProblem(
                    position: position,
                    message: "\(quoted(text)) has not the form of its tag \(shown(tag))"
                )
            }
            value = typed
        } else {
            value = isPlain ? CoreSchema.value(ofPlain: text) : .string(text)
        }
        let isBare = isPlain && properties.tag == nil
        let node = YAMLNode(.scalar(.init(value: value, text: text, isPlain: isBare)), at: position)
        if let anchor = properties.anchor { try note(anchor, Anchored(node: node, size: 1), at: position) }
        if let last = frames.indices.last, frames[last].isMapping, frames[last].key == nil {
            frames[last].key = (text, position, isBare)
            frames[last].size += 1
        } else {
            add(node, size: 1)
        }
    }

    private mutating func takeAlias(_ name: String, at position: SourcePosition) throws(YAMLProblem) {
        try refuseAsKey(at: position)
        guard let anchored = anchors[name] else {
            throw YAMLProblem(
                position: position,
                message: "no anchor &\(name) stands before the alias *\(name)"
            )
        }
        guard let node = anchored.node else {
            throw YAMLProblem(position: position, message: "the alias *\(name) stands inside what it names")
        }
        expanded += anchored.size
        guard expanded <= ManifestLimits.aliasExpansionLimit else {
            throw YAMLProblem(
                position: position,
                message: "the aliases stand for more than \(ManifestLimits.aliasExpansionLimit) values"
            )
        }
        guard frames.count + depth(of: node) <= ManifestLimits.depthLimit else {
            throw YAMLProblem(
                position: position,
                message: "more than \(ManifestLimits.depthLimit) lists and mappings inside each other"
            )
        }
        try count(anchored.size, at: position)
        add(node, size: anchored.size)
    }

    private mutating func note(
        _ anchor: String,
        _ anchored: Anchored,
        at position: SourcePosition
    ) throws(YAMLProblem) {
        anchors[anchor] = anchored
        guard anchors.count <= ManifestLimits.anchorLimit else {
            throw YAMLProblem(
                position: position,
                message: "more than \(ManifestLimits.anchorLimit) anchors in one document"
            )
        }
    }

    private mutating func add(_ node: YAMLNode, size: Int) {
        guard let last = frames.indices.last else {
            root = node
            return
        }
        frames[last].size += size
        if !frames[last].isMapping {
            frames[last].elements.append(node)
        } else if let key = frames[last].key {
            frames[last].members.append(member(key, node))
            frames[last].key = nil
        }
    }

    private func member(
        _ key: (text: String, position: SourcePosition, isPlain: Bool),
        _ value: YAMLNode
    ) -> YAMLNode.Member {
        .init(key: key.text, keyPosition: key.position, keyIsPlain: key.isPlain, value: value)
    }

    private mutating func count(_ nodes: Int, at position: SourcePosition) throws(YAMLProblem) {
        nodeCount += nodes
        guard nodeCount <= ManifestLimits.nodeLimit else {
            throw YAMLProblem(
                position: position,
                message: "more than \(ManifestLimits.nodeLimit) keys and values in one file"
            )
        }
    }

    private func refuseAsKey(at position: SourcePosition) throws(YAMLProblem) {
        if let last = frames.last, last.isMapping, last.key == nil {
            throw YAMLProblem(position: position, message: "a key must be a plain or quoted text")
        }
    }

    private func foreign(_ tag: String, at position: SourcePosition) -> YAMLProblem {
        YAMLProblem(position: position, message: "the tag \(shown(tag)) is not allowed; remove it")
    }

    private func shown(_ tag: String) -> String {
        tag.hasPrefix(CoreSchema.tagPrefix)
            ? "!!" + quoted(tag.dropFirst(CoreSchema.tagPrefix.count)).dropFirst().dropLast()
            : String(quoted(tag).dropFirst().dropLast())
    }

    // Recursion is bounded, because what is anchored passed the depth limit.
    private func depth(of node: YAMLNode) -> Int {
        switch node.content {
        case .scalar: 0
        case .sequence(let elements): 1 + (elements.map(depth).max() ?? 0)
        case .mapping(let members): 1 + (members.map { depth(of: $0.value) }.max() ?? 0)
        }
    }
}
