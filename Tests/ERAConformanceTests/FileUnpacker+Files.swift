import ERAContracts
import ERACore
import Foundation

extension FileUnpacker {
    func layOut(
        _ files: [ArtifactFile],
        into directory: String,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws {
        if FileManager.default.fileExists(atPath: directory) { return }
        let beside = directory + ".new"
        for file in files {
            let place = URL(filePath: "\(beside)/\(file.place)")
            try FileManager.default.createDirectory(
                at: place.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try FileManager.default.copyItem(atPath: file.path, toPath: place.path)
        }
        try FileManager.default.moveItem(atPath: beside, toPath: directory)
    }
}
