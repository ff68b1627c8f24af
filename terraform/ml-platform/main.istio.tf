resource "helm_release" "istio_base" {
  name       = "istio-base"
  namespace  = kubernetes_namespace_v1.main["istio-system"].metadata[0].name
  repository = local.versions.istio_base.repository
  chart      = local.versions.istio_base.chart
  version    = local.versions.istio_base.version

  atomic          = true
  cleanup_on_fail = true
  max_history     = 5
  timeout         = 300

  values = [yamlencode({ defaultRevision = "default" })]
}

# Redirects the traffic of pods from the node, so that no pod needs the right to do it: without it no pod
# with a sidecar passes Pod Security.
resource "helm_release" "istio_cni" {
  name       = "istio-cni"
  namespace  = kubernetes_namespace_v1.main["node-agents"].metadata[0].name
  repository = local.versions.istio_cni.repository
  chart      = local.versions.istio_cni.chart
  version    = local.versions.istio_cni.version

  atomic          = true
  cleanup_on_fail = true
  max_history     = 5
  timeout         = 600

  values = [yamlencode({
    seccompProfile = { type = "RuntimeDefault" }
  })]

  depends_on = [
    helm_release.istio_base,
    kubernetes_limit_range_v1.main,
    kubernetes_network_policy_v1.egress,
    kubernetes_network_policy_v1.names,
    kubernetes_resource_quota_v1.main,
  ]
}

resource "helm_release" "istiod" {
  name       = "istiod"
  namespace  = kubernetes_namespace_v1.main["istio-system"].metadata[0].name
  repository = local.versions.istiod.repository
  chart      = local.versions.istiod.chart
  version    = local.versions.istiod.version

  atomic          = true
  cleanup_on_fail = true
  max_history     = 5
  timeout         = 600

  values = [yamlencode({
    pilot = {
      cni                       = { enabled = true }
      autoscaleMin              = var.replicas.control_plane
      autoscaleMax              = max(var.replicas.control_plane, 5)
      resources                 = { requests = { cpu = "250m", memory = "1Gi" }, limits = { memory = "2Gi" } }
      seccompProfile            = { type = "RuntimeDefault" }
      topologySpreadConstraints = local.spread.istiod
      # A sidecar starts before its program and ends after it, in Jobs too.
      env = { ENABLE_NATIVE_SIDECARS = "true" }
    }
    global = {
      # With one pod a budget would hold every node that is drained.
      defaultPodDisruptionBudget = { enabled = var.replicas.control_plane > 1 }
      logAsJson                  = true
      proxy = {
        seccompProfile = { type = "RuntimeDefault" }
        resources      = { requests = { cpu = "50m", memory = "96Mi" }, limits = { cpu = "1", memory = "512Mi" } }
      }
    }
    meshConfig = {
      # Sidecars offer the metrics of their program with their own, on a port that needs no certificate.
      enablePrometheusMerge = true
      accessLogFile         = ""
      defaultConfig         = { holdApplicationUntilProxyStarts = true }
      tlsDefaults           = { minProtocolVersion = "TLSV1_2" }
      meshMTLS              = { minProtocolVersion = "TLSV1_3" }
    }
  })]

  depends_on = [
    helm_release.istio_cni,
    kubernetes_network_policy_v1.ingress,
  ]
}

# Its name makes the label istio=ingressgateway, by which Gateways find it.
resource "helm_release" "istio_gateway" {
  name       = "istio-ingressgateway"
  namespace  = kubernetes_namespace_v1.main["istio-system"].metadata[0].name
  repository = local.versions.istio_gateway.repository
  chart      = local.versions.istio_gateway.chart
  version    = local.versions.istio_gateway.version

  atomic          = true
  cleanup_on_fail = true
  max_history     = 5
  timeout         = 600

  values = [yamlencode({
    autoscaling = {
      enabled                        = true
      minReplicas                    = var.replicas.ingress.min
      maxReplicas                    = var.replicas.ingress.max
      targetCPUUtilizationPercentage = 70
    }
    podDisruptionBudget       = { maxUnavailable = 1 }
    resources                 = { requests = { cpu = "250m", memory = "256Mi" }, limits = { cpu = "2", memory = "1Gi" } }
    topologySpreadConstraints = local.spread.ingressgateway
    service = {
      type = "LoadBalancer"
      # Callers keep their address, so that source_ranges and logs mean them.
      externalTrafficPolicy    = "Local"
      loadBalancerSourceRanges = var.ingress.source_ranges
      annotations = var.ingress.internal ? {
        "service.beta.kubernetes.io/azure-load-balancer-internal" = "true"
      } : {}
    }
  })]

  depends_on = [helm_release.istiod]
}

# Mutual TLS is required everywhere; a chart that needs an exception contains it.
resource "helm_release" "mesh" {
  name      = "mesh"
  namespace = kubernetes_namespace_v1.main["istio-system"].metadata[0].name
  chart     = "${path.module}/charts/mesh"

  atomic          = true
  cleanup_on_fail = true
  max_history     = 5
  timeout         = 300

  values = [yamlencode({ contentHash = local.chart_hash.mesh, mtls = "STRICT" })]

  depends_on = [helm_release.istiod]
}
