import ERACore

/// One field of an object in code: its description, how it is read into the object, how it is written.
struct Field<Root: Sendable>: Sendable {
    let name: String
    /// Takes an object at its defaults.
    let schema: @Sendable (Root) -> FieldSchema
    let read: @Sendable (YAMLNode, inout Reading, inout Root) -> Void
    /// Nil where nothing is to be written. The second parameter is an object at its defaults.
    let write: @Sendable (Root, Root, Defaults) -> JSONValue?
    /// Whether the field is one of those of which exactly one must be there.
    var isChoice = false
}

extension Field {
    /// A field that must be there.
    static func required<Value>(
        _ name: String,
        _ path: any WritableKeyPath<Root, Value> & Sendable,
        _ codec: Codec<Value>,
        _ doc: String
    ) -> Field {
        Field(name: name) { _ in
            FieldSchema(name: name, doc: doc, type: codec.type, isRequired: true)
        } read: { node, reading, root in
            if let value = codec.read(node, &reading) { root[keyPath: path] = value }
        } write: { root, _, defaults in
            codec.write(root[keyPath: path], defaults)
        }
    }

    /// A field that may be missing; the object's own default counts then.
    static func defaulted<Value: Equatable>(
        _ name: String,
        _ path: any WritableKeyPath<Root, Value> & Sendable,
        _ codec: Codec<Value>,
        _ doc: String
    ) -> Field {
        Field(name: name) { blank in
            FieldSchema(
                name: name,
                doc: doc,
                type: codec.type,
                isRequired: false,
                defaultValue: codec.write(blank[keyPath: path], .leaveOut).unlessEmpty
            )
        } read: { node, reading, root in
            if let value = codec.read(node, &reading) { root[keyPath: path] = value }
        } write: { root, blank, defaults in
            let isDefault = root[keyPath: path] == blank[keyPath: path]
            if isDefault, defaults == .leaveOut { return .none }
            let value = codec.write(root[keyPath: path], defaults)
            // Empty lists and maps say nothing that their absence does not say.
            return isDefault ? value.unlessEmpty : value
        }
    }

    /// A field that may be missing, and then is nothing.
    static func optional<Value>(
        _ name: String,
        _ path: any WritableKeyPath<Root, Value?> & Sendable,
        _ codec: Codec<Value>,
        _ doc: String
    ) -> Field {
        Field(name: name) { _ in
            FieldSchema(name: name, doc: doc, type: codec.type, isRequired: false)
        } read: { node, reading, root in
            if let value = codec.read(node, &reading) { root[keyPath: path] = value }
        } write: { root, _, defaults in
            root[keyPath: path].map { codec.write($0, defaults) }
        }
    }

    /// One of the fields of which exactly one must be there.
    static func choice<Value>(
        _ name: String,
        _ codec: Codec<Value>,
        _ doc: String,
        get: @escaping @Sendable (Root) -> Value?,
        set: @escaping @Sendable (inout Root, Value) -> Void
    ) -> Field {
        Field(name: name) { _ in
            FieldSchema(name: name, doc: doc, type: codec.type, isRequired: false)
        } read: { node, reading, root in
            if let value = codec.read(node, &reading) { set(&root, value) }
        } write: { root, _, defaults in
            get(root).map { codec.write($0, defaults) }
        }.asChoice
    }

    private var asChoice: Field {
        var copy = self
        copy.isChoice = true
        return copy
    }

    /// A field that must be there with one value.
    static func constant(_ name: String, _ value: String, _ doc: String) -> Field {
        Field(name: name) { _ in
            FieldSchema(name: name, doc: doc, type: .constant(value), isRequired: true)
        } read: { node, reading, _ in
            guard node.string != value else { return }
            reading.refuse(node.position, .invalid, "\(node.shown) is not \(quoted(value))")
        } write: { _, _, _ in
            .string(value)
        }
    }

    /// A field that only a server sets: accepted, so that what a server has sent can be sent back, and not
    /// used.
    static func ignored(_ name: String, _ doc: String) -> Field {
        Field(name: name) { _ in
            FieldSchema(name: name, doc: doc, type: .ignored, isRequired: false)
        } read: { node, reading, _ in
            guard reading.warnsOfServerFields else { return }
            reading.warn(node.position, "is set by the server and ignored here; remove it")
        } write: { _, _, _ in
            .none
        }
    }
}

extension JSONValue {
    /// Nil for an empty object or array.
    var unlessEmpty: JSONValue? {
        // Not `nil`, which is a JSONValue, too.
        self == .object([:]) || self == .array([]) ? Optional.none : self
    }
}
