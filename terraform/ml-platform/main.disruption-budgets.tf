# Programs of others whose own installation brings no budget. One pod may always go, so that no single
# replica keeps a node from being drained.
locals {
  disruption_budgets = {
    "kserve/kserve-controller-manager" = { "control-plane" = "kserve-controller-manager" }
    "ray/kuberay-operator"             = { "app.kubernetes.io/name" = "kuberay-operator" }
    "kubeflow/ml-pipeline"             = { app = "ml-pipeline" }
    "kubeflow/workflow-controller"     = { app = "workflow-controller" }
    "monitoring/grafana"               = { "app.kubernetes.io/name" = "grafana" }
  }
}

resource "kubernetes_pod_disruption_budget_v1" "main" {
  for_each = local.disruption_budgets

  metadata {
    name      = split("/", each.key)[1]
    namespace = kubernetes_namespace_v1.main[split("/", each.key)[0]].metadata[0].name
    labels    = local.labels
  }

  spec {
    max_unavailable = "1"

    selector {
      match_labels = each.value
    }
  }
}
