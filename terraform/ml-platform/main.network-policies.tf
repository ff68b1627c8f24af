resource "kubernetes_network_policy_v1" "default_deny" {
  for_each = local.namespaces

  metadata {
    name      = "default-deny"
    namespace = kubernetes_namespace_v1.main[each.key].metadata[0].name
    labels    = local.labels
  }

  spec {
    pod_selector {}
    policy_types = ["Ingress", "Egress"]
  }
}

resource "kubernetes_network_policy_v1" "names" {
  for_each = local.namespaces

  metadata {
    name      = "names"
    namespace = kubernetes_namespace_v1.main[each.key].metadata[0].name
    labels    = local.labels
  }

  spec {
    pod_selector {}
    policy_types = ["Egress"]

    egress {
      to {
        namespace_selector {
          match_labels = { "kubernetes.io/metadata.name" = "kube-system" }
        }
        pod_selector {
          match_labels = { "k8s-app" = "kube-dns" }
        }
      }
      ports {
        port     = "53"
        protocol = "UDP"
      }
      ports {
        port     = "53"
        protocol = "TCP"
      }
    }
  }
}

resource "kubernetes_network_policy_v1" "ingress" {
  for_each = local.ingress

  metadata {
    name      = "${each.value.flow}-from-${each.value.from}"
    namespace = kubernetes_namespace_v1.main[each.value.to].metadata[0].name
    labels    = local.labels
  }

  spec {
    policy_types = ["Ingress"]

    pod_selector {
      match_labels = each.value.pods
    }

    ingress {
      dynamic "from" {
        for_each = contains(keys(local.namespaces), each.value.from) ? [each.value.from] : []
        content {
          namespace_selector {
            match_labels = { "kubernetes.io/metadata.name" = from.value }
          }
        }
      }
      dynamic "ports" {
        for_each = each.value.ports
        content {
          port     = ports.value
          protocol = "TCP"
        }
      }
    }
  }
}

resource "kubernetes_network_policy_v1" "egress" {
  for_each = local.egress

  metadata {
    name      = "${each.value.flow}-to-${each.value.to}"
    namespace = kubernetes_namespace_v1.main[each.value.from].metadata[0].name
    labels    = local.labels
  }

  spec {
    policy_types = ["Egress"]
    pod_selector {}

    egress {
      dynamic "to" {
        for_each = contains(keys(local.namespaces), each.value.to) ? [each.value.to] : []
        content {
          namespace_selector {
            match_labels = { "kubernetes.io/metadata.name" = to.value }
          }
          pod_selector {
            match_labels = each.value.pods
          }
        }
      }
      dynamic "to" {
        for_each = lookup(local.ends, each.value.to, [])
        content {
          ip_block {
            cidr   = to.value.cidr
            except = to.value.except
          }
        }
      }
      dynamic "ports" {
        for_each = each.value.ports
        content {
          port     = ports.value
          protocol = "TCP"
        }
      }
    }
  }
}
