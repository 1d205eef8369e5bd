import CLinux
import ERACore
import Glibc

/// Secrets as files: `<secrets>/NAMESPACE/NAME/KEY`, and for the namespace
/// `default` also `<secrets>/NAME/KEY`.
///
/// The namespaced place comes first. No namespace reaches into another: without one in the path only
/// `default` reads, and it finds no files where other namespaces keep directories. Links are followed below
/// `<secrets>`, as in a Kubernetes Secret volume.
struct SecretDirectory {
    let path: String

    /// The most bytes of one secret (Kubernetes: 1 MiB for all keys of a Secret).
    static let sizeLimit = 1 << 20
    /// The most keys of one secret.
    static let keyLimit = 1024
    /// The longest name of a key (Kubernetes: a DNS subdomain).
    static let keyLengthLimit = 253

    /// One key of a secret as text, without one newline at its end: editors and `echo` add that.
    ///
    /// - Throws: ``Failure`` `SecretMissing`, `SecretRefused`, `FileSystemError`.
    func text(_ name: PartName, key: String, in namespace: NamespaceName) throws(Failure) -> String {
        guard isKey(key) else {
            throw .permanent(
                .secretRefused,
                "the key of secret \(name) is no file name; name a file of the secret"
            )
        }
        for place in places(name, in: namespace) {
            guard let bytes = try read("\(place)/\(key)") else { continue }
            guard !bytes.contains(0), var text = String(validating: bytes, as: UTF8.self) else {
                throw .permanent(
                    .secretRefused,
                    "secret \(path)/\(place)/\(key) is no text; mount it as a volume instead"
                )
            }
            if text.hasSuffix("\n") || text.hasSuffix("\r\n") { text.removeLast() }
            return text
        }
        throw missing(name, key: key, in: namespace)
    }

    /// All keys of a secret with their content.
    ///
    /// - Throws: ``Failure`` `SecretMissing`, `SecretRefused`, `FileSystemError`.
    func files(_ name: PartName, in namespace: NamespaceName) throws(Failure) -> [(
        key: String, bytes: [UInt8]
    )] {
        for place in places(name, in: namespace) {
            guard let root = try? Folder(root: path) else { break }  // missing as a whole: said below
            let directory = era_open_beneath(root.descriptor, place, O_RDONLY | O_DIRECTORY)
            guard directory >= 0 else { continue }
            let keys: [String]
            do {
                defer { _ = close(directory) }
                keys = try Folder(root: "\(path)/\(place)").names().filter(isKey)
            }
            guard keys.count <= Self.keyLimit else {
                throw .permanent(
                    .secretRefused,
                    "secret \(path)/\(place) has more than \(Self.keyLimit) keys"
                )
            }
            var files: [(key: String, bytes: [UInt8])] = []
            for key in keys {
                if let bytes = try read("\(place)/\(key)") { files.append((key, bytes)) }
            }
            if !files.isEmpty { return files }
        }
        throw missing(name, key: "KEY", in: namespace)
    }

    /// Hidden files are no keys, since editors leave some; but for the one that logins of registries have.
    private func isKey(_ key: String) -> Bool {
        !key.isEmpty && key.utf8.count <= Self.keyLengthLimit
            && (!key.hasPrefix(".") || key == ".dockerconfigjson")
            && !key.utf8.contains { $0 == UInt8(ascii: "/") || $0 == 0 }
    }

    private func places(_ name: PartName, in namespace: NamespaceName) -> [String] {
        ["\(namespace)/\(name)"] + (namespace == .default ? ["\(name)"] : [])
    }

    private func missing(_ name: PartName, key: String, in namespace: NamespaceName) -> Failure {
        .transient(
            .secretMissing,
            "secret \(name) has no \(key == "KEY" ? "keys" : "key \(key)"); make the file "
                + "\(path)/\(namespace)/\(name)/\(key) with mode 0600"
        )
    }

    /// - Returns: Nil where there is no such file.
    private func read(_ place: String) throws(Failure) -> [UInt8]? {
        let root = era_open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0)
        guard root >= 0 else {
            if errno == ENOENT { return nil }
            throw .system("open the secrets in", path)
        }
        defer { _ = close(root) }
        let file = era_open_beneath(root, place, O_RDONLY | O_NONBLOCK | O_NOCTTY)
        guard file >= 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            if errno == EXDEV {
                throw .permanent(
                    .secretRefused,
                    "secret \(path)/\(place) is a link that leads out of \(path)"
                )
            }
            throw .system("read the secret", "\(path)/\(place)")
        }
        defer { _ = close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw .system("read the secret", "\(path)/\(place)") }
        guard status.st_mode & S_IFMT == S_IFREG else { return nil }
        try check(status, place)
        return try content(file, place)
    }

    private func check(_ status: stat, _ place: String) throws(Failure) {
        if status.st_mode & 0o007 != 0 {
            throw .permanent(
                .secretRefused,
                "secret \(path)/\(place) is open to everybody; close it (chmod 0600 \(path)/\(place))"
            )
        }
        guard status.st_uid == 0 || status.st_uid == geteuid() else {
            throw .permanent(
                .secretRefused,
                "secret \(path)/\(place) belongs to user \(status.st_uid); give it to root or ERA's user (chown)"
            )
        }
        guard status.st_size <= off_t(Self.sizeLimit) else {
            throw .permanent(.secretRefused, "secret \(path)/\(place) is larger than \(Self.sizeLimit) bytes")
        }
    }

    private func content(_ file: CInt, _ place: String) throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while bytes.count <= Self.sizeLimit {
            let count = Glibc.read(file, &buffer, buffer.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw .system("read the secret", "\(path)/\(place)")
            }
            if count == 0 { return bytes }
            bytes.append(contentsOf: buffer[..<count])
        }
        throw .permanent(.secretRefused, "secret \(path)/\(place) is larger than \(Self.sizeLimit) bytes")
    }
}

extension Failure.Code {
    /// A secret is there and must not be used: open to everybody, a link to elsewhere, too large.
    static let secretRefused = Self(rawValue: "SecretRefused")
    /// A port cannot be bound for another reason than somebody who has it.
    static let portRefused = Self(rawValue: "PortRefused")
}
