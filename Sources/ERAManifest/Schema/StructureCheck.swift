/// Notes what no mapping of a file may contain, whatever it is: a key that stands there twice, a merge key.
func checkStructure(_ node: YAMLNode, _ reading: inout Reading) {
    switch node.content {
    case .scalar: break
    case .sequence(let elements):
        for (index, element) in elements.enumerated() {
            reading.at(.index(index)) { checkStructure(element, &$0) }
        }
    case .mapping(let members):
        var firsts: [String: SourcePosition] = [:]
        for member in members {
            reading.at(.field(member.key)) { reading in
                if let first = firsts[member.key] {
                    reading.refuse(
                        member.keyPosition,
                        .duplicate,
                        "stands there twice; the first is in line \(first.line), column \(first.column)"
                    )
                } else {
                    firsts[member.key] = member.keyPosition
                }
                if member.isMerge {
                    reading.refuse(
                        member.keyPosition,
                        .unknown,
                        "unknown field; merge keys are not part of YAML 1.2: repeat the fields"
                    )
                }
                checkStructure(member.value, &reading)
            }
        }
    }
}

extension YAMLNode.Member {
    /// Whether this is what YAML 1.1 calls a merge key.
    var isMerge: Bool { keyIsPlain && key == "<<" }
}
