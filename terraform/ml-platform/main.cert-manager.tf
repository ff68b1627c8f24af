locals {
  # Where a name is shown to be ours. Its record is looked up in the cluster's own DNS: no other is let out.
  dns_zone = var.ingress.acme == null ? null : {
    clientId       = var.base.client_ids["cert-manager"]
    subscriptionId = split("/", var.base.dns_zone_id)[2]
    resourceGroup  = split("/", var.base.dns_zone_id)[4]
    name           = split("/", var.base.dns_zone_id)[8]
  }
}

resource "helm_release" "cert_manager" {
  name       = "cert-manager"
  namespace  = kubernetes_namespace_v1.main["cert-manager"].metadata[0].name
  repository = local.versions.cert_manager.repository
  chart      = local.versions.cert_manager.chart
  version    = local.versions.cert_manager.version

  atomic          = true
  cleanup_on_fail = true
  max_history     = 5
  timeout         = 600

  values = concat([yamlencode({
    # Certificates must not go with the program that renews them.
    crds                = { enabled = true, keep = true }
    global              = { leaderElection = { namespace = "cert-manager" } }
    replicaCount        = var.replicas.control_plane
    podDisruptionBudget = { enabled = var.replicas.control_plane > 1 }
    resources           = { requests = { cpu = "25m", memory = "128Mi" }, limits = { memory = "512Mi" } }
    webhook = {
      replicaCount        = var.replicas.control_plane
      podDisruptionBudget = { enabled = var.replicas.control_plane > 1 }
      resources           = { requests = { cpu = "25m", memory = "64Mi" }, limits = { memory = "256Mi" } }
    }
    cainjector = {
      replicaCount        = var.replicas.control_plane
      podDisruptionBudget = { enabled = var.replicas.control_plane > 1 }
      resources           = { requests = { cpu = "25m", memory = "256Mi" }, limits = { memory = "1Gi" } }
    }
    startupapicheck = { resources = { requests = { cpu = "10m", memory = "32Mi" }, limits = { memory = "128Mi" } } }
    })], [for zone in local.dns_zone[*] : yamlencode({
    podLabels                     = { "azure.workload.identity/use" = "true" }
    serviceAccount                = { annotations = { "azure.workload.identity/client-id" = zone.clientId } }
    dns01RecursiveNameserversOnly = true
    dns01RecursiveNameservers     = "${cidrhost(var.base.network.services, 10)}:53"
  })])

  depends_on = [
    kubernetes_limit_range_v1.main,
    kubernetes_network_policy_v1.egress,
    kubernetes_network_policy_v1.ingress,
    kubernetes_network_policy_v1.names,
    kubernetes_resource_quota_v1.main,
  ]
}

# The ClusterIssuer `platform`, which the certificate of the gateway names.
resource "helm_release" "certificates" {
  name      = "certificates"
  namespace = kubernetes_namespace_v1.main["cert-manager"].metadata[0].name
  chart     = "${path.module}/charts/certificates"

  atomic          = true
  cleanup_on_fail = true
  max_history     = 5
  timeout         = 300

  values = [yamlencode(merge(
    { contentHash = local.chart_hash.certificates },
    var.ingress.acme == null ? {} : { acme = merge(var.ingress.acme, { zone = local.dns_zone }) },
  ))]

  depends_on = [helm_release.cert_manager]
}
