extension DeploymentRecord {
    mutating func refreshConditions(at now: WallTime) {}
}
