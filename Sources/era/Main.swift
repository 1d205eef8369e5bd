import ArgumentParser
@main struct Era: AsyncParsableCommand { func run() async throws {} }
