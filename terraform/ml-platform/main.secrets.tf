locals {
  # Where each component of access.yaml lives: its secrets go there and nowhere else.
  component_namespaces = {
    api-gateway         = "serving"
    inference-service   = "serving"
    feature-transformer = "serving"
    release-manager     = "serving"
    ray                 = "ray"
    training            = "kubeflow"
    training-scheduler  = "kubeflow"
    drill               = "kubeflow"
    kubeflow-pipelines  = "kubeflow"
    drift-detector      = "monitoring"
    console             = "monitoring"
    grafana             = "monitoring"
    mlflow              = "mlflow"
  }

  readable_secrets = {
    for namespace in local.platform_namespaces : namespace => sort(distinct(concat(
      flatten([for component, secrets in var.base.secrets : secrets if lookup(local.component_namespaces, component, "") == namespace]),
      lookup(var.extra_secrets, namespace, []),
    )))
  }
}

resource "helm_release" "external_secrets" {
  name       = "external-secrets"
  namespace  = kubernetes_namespace_v1.main["external-secrets"].metadata[0].name
  repository = local.versions.external_secrets.repository
  chart      = local.versions.external_secrets.chart
  version    = local.versions.external_secrets.version

  atomic          = true
  cleanup_on_fail = true
  max_history     = 5
  timeout         = 600

  values = [yamlencode({
    installCRDs         = true
    replicaCount        = var.replicas.control_plane
    leaderElect         = true
    podDisruptionBudget = { enabled = var.replicas.control_plane > 1, minAvailable = 1 }
    resources           = { requests = { cpu = "25m", memory = "128Mi" }, limits = { memory = "512Mi" } }
    # Nothing is written to the vault, and nothing spreads over namespaces by itself.
    processPushSecret            = false
    processClusterPushSecret     = false
    processClusterExternalSecret = false
    serviceAccount = {
      name = "external-secrets"
      annotations = {
        "azure.workload.identity/client-id" = var.base.client_ids["external-secrets"]
        "azure.workload.identity/tenant-id" = var.base.tenant_id
      }
    }
    webhook = {
      replicaCount        = var.replicas.control_plane
      podDisruptionBudget = { enabled = var.replicas.control_plane > 1, minAvailable = 1 }
      resources           = { requests = { cpu = "25m", memory = "64Mi" }, limits = { memory = "256Mi" } }
    }
    certController = {
      replicaCount        = var.replicas.control_plane
      podDisruptionBudget = { enabled = var.replicas.control_plane > 1, minAvailable = 1 }
      resources           = { requests = { cpu = "25m", memory = "128Mi" }, limits = { memory = "512Mi" } }
    }
  })]

  depends_on = [
    kubernetes_limit_range_v1.main,
    kubernetes_network_policy_v1.egress,
    kubernetes_network_policy_v1.ingress,
    kubernetes_network_policy_v1.names,
    kubernetes_resource_quota_v1.main,
  ]
}

# The store `key-vault`, which namespace may read what of it, and the secrets of the programs installed here.
resource "helm_release" "secrets" {
  name      = "secrets"
  namespace = kubernetes_namespace_v1.main["external-secrets"].metadata[0].name
  chart     = "${path.module}/charts/secrets"

  atomic          = true
  cleanup_on_fail = true
  max_history     = 5
  timeout         = 300

  values = [yamlencode({
    contentHash = local.chart_hash.secrets
    vault       = { url = trimsuffix(var.base.key_vault_uri, "/"), tenantId = var.base.tenant_id }
    readable    = local.readable_secrets
    fromVault = [
      { namespace = "mlflow", name = "mlflow-database", literals = {}, data = { password = "mlflow-db-password" } },
      { namespace = "kubeflow", name = "mysql-secret", literals = { username = "root" }, data = { password = "kubeflow-db-password" } },
      { namespace = "monitoring", name = "grafana-admin", literals = { admin-user = "admin" }, data = { admin-password = "grafana-admin-password" } },
    ]
    # Generated once in the cluster, because it is not needed outside.
    generated = [
      { namespace = "kubeflow", name = "mlpipeline-minio-artifact", literals = { accesskey = "kubeflow" }, key = "secretkey" },
    ]
  })]

  depends_on = [
    helm_release.external_secrets,
    kubernetes_namespace_v1.main,
  ]
}
