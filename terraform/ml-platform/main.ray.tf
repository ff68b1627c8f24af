# The operator watches its own namespace and needs no right beyond it. The cluster itself is the platform's.
resource "helm_release" "kuberay" {
  name       = "kuberay-operator"
  namespace  = kubernetes_namespace_v1.main["ray"].metadata[0].name
  repository = local.versions.kuberay.repository
  chart      = local.versions.kuberay.chart
  version    = local.versions.kuberay.version

  atomic          = true
  cleanup_on_fail = true
  max_history     = 5
  timeout         = 600

  values = [yamlencode({
    replicas               = var.replicas.control_plane
    leaderElectionEnabled  = true
    singleNamespaceInstall = true
    watchNamespace         = ["ray"]
    podSecurityContext     = { runAsNonRoot = true, seccompProfile = { type = "RuntimeDefault" } }
    securityContext        = local.container_security
    resources              = { requests = { cpu = "100m", memory = "256Mi" }, limits = { memory = "1Gi" } }
  })]

  depends_on = [
    kubernetes_limit_range_v1.main,
    kubernetes_network_policy_v1.egress,
    kubernetes_network_policy_v1.ingress,
    kubernetes_network_policy_v1.names,
    kubernetes_resource_quota_v1.main,
  ]
}
