# People, pods and secrets get what they need and no more.
mock_provider "kubernetes" {}
mock_provider "helm" {}

run "the_file_of_prod_is_read" {
  module {
    source = "./tests/environment"
  }
  variables {
    name = "prod"
  }
}

run "nobody_of_the_platform_reads_secrets_or_enters_pods" {
  command = plan

  variables {
    environment = run.the_file_of_prod_is_read.values.environment
    base        = run.the_file_of_prod_is_read.values.base
    replicas    = run.the_file_of_prod_is_read.values.replicas
    mlflow      = run.the_file_of_prod_is_read.values.mlflow
    monitoring  = run.the_file_of_prod_is_read.values.monitoring
    quotas      = run.the_file_of_prod_is_read.values.quotas
    groups      = { operators = ["00000000-0000-0000-0000-0000000000a1"], viewers = ["00000000-0000-0000-0000-0000000000a2"] }
  }

  assert {
    condition     = alltrue([for rule in flatten([for role in kubernetes_role_v1.people : role.rule]) : length(setintersection(rule.resources, ["secrets", "pods/exec", "pods/attach", "serviceaccounts/token", "roles", "rolebindings", "*"])) == 0])
    error_message = "Secrets, commands in pods and roles must be out of reach."
  }

  assert {
    condition     = alltrue([for rule in flatten([for role in kubernetes_role_v1.people : role.rule]) : !contains(rule.verbs, "*") && !contains(rule.api_groups, "*")])
    error_message = "No rule may be a wildcard."
  }

  assert {
    condition     = alltrue([for rule in flatten([for role in kubernetes_role_v1.people : role.rule]) : length(setintersection(rule.verbs, ["create", "update", "patch"])) == 0 || toset(rule.resources) == toset(["pods/portforward"])])
    error_message = "Who may make pods could read every secret through one."
  }
}

run "groups_are_bound_in_the_platforms_namespaces_only" {
  command = plan

  variables {
    environment = run.the_file_of_prod_is_read.values.environment
    base        = run.the_file_of_prod_is_read.values.base
    replicas    = run.the_file_of_prod_is_read.values.replicas
    mlflow      = run.the_file_of_prod_is_read.values.mlflow
    monitoring  = run.the_file_of_prod_is_read.values.monitoring
    quotas      = run.the_file_of_prod_is_read.values.quotas
    groups      = { operators = ["00000000-0000-0000-0000-0000000000a1"], viewers = ["00000000-0000-0000-0000-0000000000a2"] }
  }

  assert {
    condition     = toset([for binding in kubernetes_role_binding_v1.people : binding.metadata[0].namespace]) == toset(["kubeflow", "mlflow", "monitoring", "ray", "serving"])
    error_message = "Istio, cert-manager and the like belong to the administrators."
  }

  assert {
    condition     = alltrue([for binding in kubernetes_role_binding_v1.people : alltrue([for subject in binding.subject : subject.kind == "Group"]) && binding.role_ref[0].kind == "Role"])
    error_message = "Groups get roles of a namespace."
  }

  assert {
    condition     = toset(kubernetes_role_binding_v1.people["serving/operator"].subject[*].name) == toset(["00000000-0000-0000-0000-0000000000a1"])
    error_message = "Viewers must not operate."
  }
}

run "without_groups_nobody_is_bound" {
  command = plan

  variables {
    environment = run.the_file_of_prod_is_read.values.environment
    base        = run.the_file_of_prod_is_read.values.base
    replicas    = run.the_file_of_prod_is_read.values.replicas
    mlflow      = run.the_file_of_prod_is_read.values.mlflow
    monitoring  = run.the_file_of_prod_is_read.values.monitoring
    quotas      = run.the_file_of_prod_is_read.values.quotas
  }

  assert {
    condition     = length(kubernetes_role_binding_v1.people) == 0
    error_message = "Without members there must be no binding."
  }
}

run "pod_security_is_enforced_in_every_namespace" {
  command = plan

  variables {
    environment = run.the_file_of_prod_is_read.values.environment
    base        = run.the_file_of_prod_is_read.values.base
    replicas    = run.the_file_of_prod_is_read.values.replicas
    mlflow      = run.the_file_of_prod_is_read.values.mlflow
    monitoring  = run.the_file_of_prod_is_read.values.monitoring
    quotas      = run.the_file_of_prod_is_read.values.quotas
  }

  assert {
    condition     = alltrue([for namespace in kubernetes_namespace_v1.main : contains(["baseline", "restricted"], namespace.metadata[0].labels["pod-security.kubernetes.io/enforce"]) || namespace.metadata[0].name == "node-agents"])
    error_message = "Only what touches the nodes may be privileged."
  }

  assert {
    condition     = alltrue([for name in ["serving", "ray", "mlflow", "monitoring"] : kubernetes_namespace_v1.main[name].metadata[0].labels["pod-security.kubernetes.io/enforce"] == "restricted"])
    error_message = "The platform's own pods must pass restricted."
  }

  assert {
    condition     = length(setsubtract(["kubeflow", "mlflow", "ray", "kserve", "serving", "monitoring", "istio-system", "cert-manager", "knative-serving"], keys(kubernetes_namespace_v1.main))) == 0
    error_message = "The platform's namespaces must be there."
  }
}

run "a_namespace_reads_the_secrets_of_its_own_components" {
  command = plan

  variables {
    environment = run.the_file_of_prod_is_read.values.environment
    base        = run.the_file_of_prod_is_read.values.base
    replicas    = run.the_file_of_prod_is_read.values.replicas
    mlflow      = run.the_file_of_prod_is_read.values.mlflow
    monitoring  = run.the_file_of_prod_is_read.values.monitoring
    quotas      = run.the_file_of_prod_is_read.values.quotas
  }

  assert {
    condition     = yamldecode(helm_release.secrets.values[0]).readable.mlflow == ["mlflow-db-password"]
    error_message = "MLflow needs its database's password alone."
  }

  assert {
    condition     = !contains(yamldecode(helm_release.secrets.values[0]).readable.serving, "mlflow-db-password") && contains(yamldecode(helm_release.secrets.values[0]).readable.serving, "api-keys")
    error_message = "The gateway needs the keys of its callers and no database password."
  }

  assert {
    condition     = !contains(flatten(values(yamldecode(helm_release.secrets.values[0]).readable)), "postgres-admin-password")
    error_message = "No program of the cluster may get the administrator's password."
  }

  assert {
    condition     = alltrue([for secret in yamldecode(helm_release.secrets.values[0]).fromVault : alltrue([for key in values(secret.data) : contains(yamldecode(helm_release.secrets.values[0]).readable[secret.namespace], key)])])
    error_message = "What is installed must keep to the same rule."
  }
}

run "the_vault_is_read_as_one_identity_and_written_by_none" {
  command = plan

  variables {
    environment = run.the_file_of_prod_is_read.values.environment
    base        = run.the_file_of_prod_is_read.values.base
    replicas    = run.the_file_of_prod_is_read.values.replicas
    mlflow      = run.the_file_of_prod_is_read.values.mlflow
    monitoring  = run.the_file_of_prod_is_read.values.monitoring
    quotas      = run.the_file_of_prod_is_read.values.quotas
  }

  assert {
    condition     = yamldecode(helm_release.external_secrets.values[0]).serviceAccount.annotations["azure.workload.identity/client-id"] == run.the_file_of_prod_is_read.values.base.client_ids["external-secrets"]
    error_message = "External Secrets must sign in as itself."
  }

  assert {
    condition     = !yamldecode(helm_release.external_secrets.values[0]).processPushSecret && !yamldecode(helm_release.external_secrets.values[0]).processClusterExternalSecret
    error_message = "Nothing is written to the vault, nothing spreads over namespaces."
  }
}

run "operators_keep_to_their_namespace" {
  command = plan

  variables {
    environment = run.the_file_of_prod_is_read.values.environment
    base        = run.the_file_of_prod_is_read.values.base
    replicas    = run.the_file_of_prod_is_read.values.replicas
    mlflow      = run.the_file_of_prod_is_read.values.mlflow
    monitoring  = run.the_file_of_prod_is_read.values.monitoring
    quotas      = run.the_file_of_prod_is_read.values.quotas
  }

  assert {
    condition     = yamldecode(helm_release.kuberay.values[0]).singleNamespaceInstall && yamldecode(helm_release.kuberay.values[0]).watchNamespace == ["ray"]
    error_message = "KubeRay must see the namespace ray only."
  }

  assert {
    condition     = yamldecode(helm_release.cert_manager.values[0]).global.leaderElection.namespace == "cert-manager"
    error_message = "cert-manager must write nothing into kube-system."
  }
}

run "a_public_authority_is_shown_the_name_in_the_zone" {
  command = plan

  variables {
    environment = run.the_file_of_prod_is_read.values.environment
    base = merge(run.the_file_of_prod_is_read.values.base, {
      dns_zone_id = "/subscriptions/00000000-0000-0000-0000-0000000000c3/resourceGroups/rg-dns/providers/Microsoft.Network/dnsZones/mlplatform.example"
      client_ids  = merge(run.the_file_of_prod_is_read.values.base.client_ids, { cert-manager = "00000000-0000-0000-0000-0000000000d1" })
    })
    ingress    = { acme = { email = "platform@mlplatform.example" } }
    replicas   = run.the_file_of_prod_is_read.values.replicas
    mlflow     = run.the_file_of_prod_is_read.values.mlflow
    monitoring = run.the_file_of_prod_is_read.values.monitoring
    quotas     = run.the_file_of_prod_is_read.values.quotas
  }

  assert {
    condition = yamldecode(helm_release.certificates.values[0]).acme.zone == {
      clientId       = "00000000-0000-0000-0000-0000000000d1"
      subscriptionId = "00000000-0000-0000-0000-0000000000c3"
      resourceGroup  = "rg-dns"
      name           = "mlplatform.example"
    }
    error_message = "The issuer must be told the zone and who may write to it."
  }

  assert {
    condition     = yamldecode(helm_release.cert_manager.values[1]).serviceAccount.annotations["azure.workload.identity/client-id"] == "00000000-0000-0000-0000-0000000000d1" && yamldecode(helm_release.cert_manager.values[1]).podLabels["azure.workload.identity/use"] == "true"
    error_message = "cert-manager must sign in as its own identity."
  }
}
