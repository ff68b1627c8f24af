# Access of people other than administrators, who get access through Azure roles. These roles do not permit reading
# secrets, running commands in pods or changing what is deployed, which is done from the repository.
locals {
  access_rules = {
    viewer = [
      { groups = [""], resources = ["configmaps", "endpoints", "events", "persistentvolumeclaims", "pods", "pods/log", "resourcequotas", "services"], verbs = ["get", "list", "watch"] },
      { groups = ["apps"], resources = ["daemonsets", "deployments", "replicasets", "statefulsets"], verbs = ["get", "list", "watch"] },
      { groups = ["autoscaling"], resources = ["horizontalpodautoscalers"], verbs = ["get", "list", "watch"] },
      { groups = ["batch"], resources = ["cronjobs", "jobs"], verbs = ["get", "list", "watch"] },
      { groups = ["policy"], resources = ["poddisruptionbudgets"], verbs = ["get", "list", "watch"] },
      { groups = ["ray.io"], resources = ["rayclusters", "rayjobs"], verbs = ["get", "list", "watch"] },
      { groups = ["serving.kserve.io"], resources = ["inferenceservices", "servingruntimes"], verbs = ["get", "list", "watch"] },
      { groups = ["external-secrets.io"], resources = ["externalsecrets"], verbs = ["get", "list", "watch"] },
      { groups = ["metrics.k8s.io"], resources = ["pods"], verbs = ["get", "list"] },
    ]
    # What runbooks need: restart a pod, end a job, forward a port. Permission to create or patch objects with pods
    # would permit reading every secret of the namespace.
    operator = [
      { groups = [""], resources = ["pods"], verbs = ["delete"] },
      { groups = [""], resources = ["pods/portforward"], verbs = ["create"] },
      { groups = ["batch"], resources = ["jobs"], verbs = ["delete"] },
      { groups = ["ray.io"], resources = ["rayjobs"], verbs = ["delete"] },
    ]
  }

  roles = { for pair in setproduct(local.platform_namespaces, keys(local.access_rules)) : "${pair[0]}/${pair[1]}" => { namespace = pair[0], role = pair[1] } }

  # Operators see what viewers see.
  members = {
    viewer   = distinct(concat(var.groups.viewers, var.groups.operators))
    operator = distinct(var.groups.operators)
  }
}

resource "kubernetes_role_v1" "people" {
  for_each = local.roles

  metadata {
    name      = "platform-${each.value.role}"
    namespace = kubernetes_namespace_v1.main[each.value.namespace].metadata[0].name
    labels    = local.labels
  }

  dynamic "rule" {
    for_each = local.access_rules[each.value.role]
    content {
      api_groups = rule.value.groups
      resources  = rule.value.resources
      verbs      = rule.value.verbs
    }
  }
}

resource "kubernetes_role_binding_v1" "people" {
  for_each = { for name, of in local.roles : name => of if length(local.members[of.role]) > 0 }

  metadata {
    name      = "platform-${each.value.role}"
    namespace = kubernetes_namespace_v1.main[each.value.namespace].metadata[0].name
    labels    = local.labels
  }

  role_ref {
    api_group = "rbac.authorization.k8s.io"
    kind      = "Role"
    name      = kubernetes_role_v1.people[each.key].metadata[0].name
  }

  dynamic "subject" {
    for_each = local.members[each.value.role]
    content {
      kind      = "Group"
      name      = subject.value
      api_group = "rbac.authorization.k8s.io"
    }
  }
}

# Promotions and rollbacks from within: no manifest brings this account, training's RoleBinding names it.
resource "kubernetes_service_account_v1" "release_manager" {
  metadata {
    name      = "release-manager"
    namespace = kubernetes_namespace_v1.main["serving"].metadata[0].name
    labels    = local.labels
    annotations = {
      "azure.workload.identity/client-id" = var.base.client_ids["release-manager"]
    }
  }

  automount_service_account_token = false
}
