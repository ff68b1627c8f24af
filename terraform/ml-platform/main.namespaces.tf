resource "kubernetes_namespace_v1" "main" {
  for_each = local.namespaces

  metadata {
    name = each.key
    labels = merge(local.labels, {
      # `make deploy-all` looks here before it puts one environment's manifests into a cluster.
      "mlplatform/environment"                     = var.environment
      "pod-security.kubernetes.io/enforce"         = each.value.pod_security
      "pod-security.kubernetes.io/enforce-version" = local.versions.pod_security.version
      "pod-security.kubernetes.io/audit"           = each.value.pod_security == "privileged" ? "privileged" : "restricted"
      "pod-security.kubernetes.io/audit-version"   = local.versions.pod_security.version
      "pod-security.kubernetes.io/warn"            = each.value.pod_security == "privileged" ? "privileged" : "restricted"
      "pod-security.kubernetes.io/warn-version"    = local.versions.pod_security.version
    })
  }

  timeouts {
    delete = "15m"
  }
}

resource "kubernetes_resource_quota_v1" "main" {
  for_each = var.quotas

  metadata {
    name      = "quota"
    namespace = kubernetes_namespace_v1.main[each.key].metadata[0].name
    labels    = local.labels
  }

  spec {
    hard = {
      "requests.cpu"           = each.value.cpu
      "requests.memory"        = each.value.memory
      "limits.memory"          = coalesce(each.value.memory_limit, each.value.memory)
      "requests.storage"       = each.value.storage
      "pods"                   = tostring(each.value.pods)
      "persistentvolumeclaims" = tostring(each.value.volume_claims)
      # One way in from outside, and only where it belongs.
      "services.loadbalancers" = each.key == "istio-system" ? "1" : "0"
      "services.nodeports"     = each.key == "istio-system" ? "8" : "0"
    }
  }
}

# For containers that say nothing themselves: a quota refuses what asks for no certain amount.
resource "kubernetes_limit_range_v1" "main" {
  for_each = var.quotas

  metadata {
    name      = "defaults"
    namespace = kubernetes_namespace_v1.main[each.key].metadata[0].name
    labels    = local.labels
  }

  spec {
    limit {
      type            = "Container"
      default_request = { cpu = "50m", memory = "128Mi" }
      default         = { cpu = each.value.container_cpu, memory = each.value.default_memory }
      max             = { cpu = each.value.container_cpu, memory = each.value.container_memory }
    }
    limit {
      type = "PersistentVolumeClaim"
      max  = { storage = each.value.storage }
      min  = { storage = "1Gi" }
    }
  }
}
