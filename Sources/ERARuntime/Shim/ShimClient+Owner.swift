internal import ERACore
internal import Glibc

/// Which plugin has an instance: the file `plugin` in the shim's directory says it.
extension ShimClient {
    /// A name is shorter: what is longer is none.
    static let ownerLimit = 256

    /// The plugin that installed an instance; nil where none has.
    ///
    /// - Throws: ``Failure`` when that cannot be told.
    func owner(_ place: ShimPlace) throws -> PluginName? {
        if let known = knownOwner(place.instance) { return known }
        guard try isInstalled(place) else { return nil }
        guard let bytes = readSmallFile(place.ownerPath, limit: Self.ownerLimit) else {
            guard errno == ENOENT || errno == ENOTDIR else { throw failure("read", place.ownerPath) }
            // Versions of ERA that had this plugin only did not note it.
            rememberOwner(.process, place.instance)
            return .process
        }
        let text = String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        guard let owner = PluginName(rawValue: text) else {
            throw Failure.permanent(
                .pluginFault,
                "\(place.ownerPath) names no plugin, so nobody knows what runs \(place.instance); "
                    + "write the name of its runtime.plugin there"
            )
        }
        rememberOwner(owner, place.instance)
        return owner
    }

    /// Makes the shim's directory with the name of its plugin in it: after a power cut both are there, or
    /// none.
    ///
    /// - Throws: ``Failure``, also when another plugin has the instance.
    func claim(_ place: ShimPlace, for plugin: PluginName) throws {
        // Asked first: somebody may have removed what is remembered.
        if try isInstalled(place), let owner = try owner(place) {
            guard owner == plugin else { throw place.failure(owner: owner, plugin) }
            return
        }
        let folder = try Folder(root: place.directory)
        try folder.make(ShimPlace.newShimName).replace(
            ShimPlace.ownerName,
            with: Array("\(plugin)\n".utf8),
            owner: nil,
            mode: 0o600,
            isDurable: true
        )
        guard
            renameat(folder.descriptor, ShimPlace.newShimName, folder.descriptor, ShimPlace.shimName) == 0,
            fsync(folder.descriptor) == 0
        else { throw failure("make the directory", place.shimDirectory) }
        rememberOwner(plugin, place.instance)
    }
}

extension ShimPlace {
    static let ownerName = "plugin"
    /// What becomes the shim's directory once it is complete.
    static let newShimName = "shim.new"

    /// The file with the name of the plugin that has the instance.
    var ownerPath: String { "\(shimDirectory)/\(Self.ownerName)" }

    /// What a plugin is told that wants another's instance.
    func failure(owner: PluginName, _ plugin: PluginName) -> Failure {
        .permanent(
            .pluginFault,
            "\(directory) is of plugin \(owner), so plugin \(plugin) leaves it alone; change spec.version, "
                + "for a revision of its own"
        )
    }
}
