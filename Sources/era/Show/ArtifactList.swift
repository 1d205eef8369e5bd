import ERAAPI
import ERAArtifact
import ERAContracts
import ERACore

/// What is in the store, for people and programs.
struct ArtifactList {
    /// The most uses that a line names.
    static let usesLimit = 2

    private let rows: [(item: StoredItem, uses: [ArtifactUse])]
    private let size: ByteCount
    private let now: WallTime

    init(_ inventory: Inventory, _ uses: [ArtifactUse], now: WallTime) {
        rows = inventory.items.map { item in
            var roles: [DeploymentKey: ArtifactUse] = [:]
            for use in uses where item.identities.contains(use.digest) || item.digest == use.digest {
                if let other = roles[use.key], Self.rank(other) <= Self.rank(use) { continue }
                roles[use.key] = use
            }
            return (item, roles.values.sorted { $0.key < $1.key })
        }
        size = inventory.size
        self.now = now
    }

    private static func rank(_ use: ArtifactUse) -> Int {
        ArtifactUse.Role.allCases.firstIndex(of: use.role) ?? ArtifactUse.Role.allCases.count
    }

    /// - Parameter isWide: With whole digests, and what files are called.
    func table(isWide: Bool) -> TextTable {
        var header = ["DIGEST", "KIND", "SIZE", "LAST USED", "USED BY", "NAME"]
        if isWide { header.append("FILE") }
        return TextTable(
            header,
            rows.map { item, uses in
                let digest = item.digest.description
                var cells: [TextTable.Cell] = [
                    .init(isWide ? digest : String(digest.prefix(19))), .init(item.kind.rawValue),
                    .init(DeploymentRow.size(item.size)),
                    .init(DeploymentTable.age(from: item.lastUsed, to: now)), .init(Self.text(uses)),
                    .init(item.names.joined(separator: ", ")),
                ]
                if isWide { cells.append(.init(item.title ?? "")) }
                return cells
            }
        )
    }

    /// `default/web (current), default/api (previous) and 3 more`
    private static func text(_ uses: [ArtifactUse]) -> String {
        let named = uses.prefix(usesLimit).map { "\($0.key) (\($0.role.rawValue))" }.joined(separator: ", ")
        return uses.count > usesLimit ? "\(named) and \(uses.count - usesLimit) more" : named
    }

    /// One line about all of it.
    var summary: String {
        "\(Words.count(rows.count, "artifact")), \(DeploymentRow.size(size)) in the store"
    }

    /// What other commands take: the first name of each, or its digest.
    var names: [String] { rows.map { $0.item.names.first ?? $0.item.digest.description } }

    var json: JSONValue {
        [
            "kind": "ArtifactList", "apiVersion": .string(APIGroup.apiVersion),
            "metadata": ["resourceVersion": ""], "size": .integer(size.bytes),
            "items": .array(rows.map { Self.json($0.item, $0.uses) }),
        ]
    }

    private static func json(_ item: StoredItem, _ uses: [ArtifactUse]) -> JSONValue {
        var object: [String: JSONValue] = [
            "kind": "Artifact", "apiVersion": .string(APIGroup.apiVersion),
            "metadata": ["name": .string(item.names.first ?? item.digest.description)],
            "digest": .string(item.digest.description), "type": .string(item.kind.rawValue),
            "size": .integer(item.size.bytes), "names": .array(item.names.map { .string($0) }),
            "lastUsed": .string(item.lastUsed.rfc3339),
            "usedBy": .array(
                uses.map { use in
                    [
                        "namespace": .string(use.key.namespace.rawValue),
                        "name": .string(use.key.name.rawValue), "role": .string(use.role.rawValue),
                    ]
                }
            ),
        ]
        if item.manifest != item.digest { object["manifest"] = .string(item.manifest.description) }
        object["file"] = item.title.map { .string($0) }
        return .object(object)
    }
}
