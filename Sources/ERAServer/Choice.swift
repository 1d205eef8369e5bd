import ERAAPI
import ERAContracts
import ERACore

/// Which deployments a list or a watch is about.
struct Choice: Sendable {
    var namespace: NamespaceName?
    var labels: LabelSelector?
    var fields: FieldSelector?

    /// - Throws: ``APIStatus`` 400 for a selector that cannot be read.
    init(_ namespace: NamespaceName?, _ address: Address) throws(APIStatus) {
        self.namespace = namespace
        do {
            labels = try address.text("labelSelector").map { text throws(InvalidValue) in
                try LabelSelector(text)
            }
            fields = try address.text("fieldSelector").map { text throws(InvalidValue) in
                try FieldSelector(text, fields: FieldSelector.deploymentFields)
            }
        } catch {
            throw .badRequest("unable to parse the selector: \(error)")
        }
    }

    func includes(_ view: DeploymentView) -> Bool {
        (namespace == nil || namespace == view.record.key.namespace)
            && labels?.matches(view.record.declaration.deployment.metadata.labels) ?? true
            && fields?.matches(view) ?? true
    }
}
