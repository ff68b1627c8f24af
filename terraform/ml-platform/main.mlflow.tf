resource "helm_release" "mlflow" {
  name      = "mlflow"
  namespace = kubernetes_namespace_v1.main["mlflow"].metadata[0].name
  chart     = "${path.module}/charts/mlflow"

  atomic          = true
  cleanup_on_fail = true
  max_history     = 5
  timeout         = 600

  values = [yamlencode({
    contentHash = local.chart_hash.mlflow
    image = {
      repository = local.versions.mlflow.repository
      tag        = local.versions.mlflow.version
    }
    replicas = var.replicas.mlflow
    workers  = var.mlflow.workers
    identity = { clientId = var.base.client_ids["mlflow"] }
    database = {
      host   = var.base.postgres_fqdn
      name   = "mlflow"
      user   = "mlflow"
      secret = "mlflow-database"
    }
    artifacts = {
      destination = "wasbs://mlflow@${trimprefix(var.base.storage_blob_endpoint, "https://")}/"
    }
    resources = {
      requests = { cpu = var.mlflow.cpu, memory = var.mlflow.memory }
      limits   = { cpu = "2", memory = var.mlflow.memory }
    }
  })]

  depends_on = [
    helm_release.mesh,
    helm_release.secrets,
    kubernetes_limit_range_v1.main,
    kubernetes_network_policy_v1.egress,
    kubernetes_network_policy_v1.ingress,
    kubernetes_network_policy_v1.names,
    kubernetes_resource_quota_v1.main,
  ]
}
