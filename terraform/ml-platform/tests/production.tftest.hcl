# Sizes of production, from environments/prod.tfvars itself.
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

run "production_survives_a_node_that_is_drained" {
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
    condition     = alltrue([for release in [helm_release.cert_manager, helm_release.external_secrets] : yamldecode(release.values[0]).replicaCount >= 2])
    error_message = "cert-manager and External Secrets must run twice."
  }

  assert {
    condition     = yamldecode(helm_release.istiod.values[0]).pilot.autoscaleMin >= 2
    error_message = "istiod must run twice."
  }

  assert {
    condition     = yamldecode(helm_release.istio_gateway.values[0]).autoscaling.minReplicas >= 3
    error_message = "The ingress gateway must run in every zone."
  }

  assert {
    condition     = yamldecode(helm_release.kuberay.values[0]).replicas >= 2
    error_message = "KubeRay must run twice."
  }

  assert {
    condition     = yamldecode(helm_release.mlflow.values[0]).replicas >= 2
    error_message = "MLflow must run twice."
  }

  assert {
    condition     = yamldecode(helm_release.monitoring.values[1]).prometheus.prometheusSpec.replicas >= 2 && yamldecode(helm_release.monitoring.values[1]).alertmanager.alertmanagerSpec.replicas >= 2
    error_message = "Prometheus and Alertmanager must run twice."
  }

  assert {
    condition     = one([for patch in module.knative_serving.kustomization.patches : yamldecode(patch.patch).spec.minReplicas if patch.target.kind == "HorizontalPodAutoscaler"]) >= 2
    error_message = "Knative's activator must run twice."
  }
}

run "a_drained_node_takes_one_pod_at_a_time" {
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
    condition     = yamldecode(helm_release.cert_manager.values[0]).podDisruptionBudget.enabled && yamldecode(helm_release.cert_manager.values[0]).webhook.podDisruptionBudget.enabled
    error_message = "cert-manager must have budgets."
  }

  assert {
    condition     = yamldecode(helm_release.external_secrets.values[0]).podDisruptionBudget.enabled
    error_message = "External Secrets must have a budget."
  }

  assert {
    condition     = yamldecode(helm_release.istiod.values[0]).global.defaultPodDisruptionBudget.enabled && yamldecode(helm_release.istio_gateway.values[0]).podDisruptionBudget.maxUnavailable == 1
    error_message = "Istio must have budgets."
  }

  assert {
    condition     = alltrue([for budget in kubernetes_pod_disruption_budget_v1.main : budget.spec[0].max_unavailable == "1"])
    error_message = "Programs without a budget of their own must get one."
  }
}

run "every_namespace_has_a_quota_and_defaults" {
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
    condition     = toset(keys(kubernetes_resource_quota_v1.main)) == toset(keys(local.namespaces))
    error_message = "No namespace may be without a quota."
  }

  assert {
    condition     = toset(keys(kubernetes_limit_range_v1.main)) == toset(keys(local.namespaces))
    error_message = "No namespace may be without defaults."
  }

  assert {
    condition     = alltrue([for quota in kubernetes_resource_quota_v1.main : alltrue([for what in ["requests.cpu", "requests.memory", "limits.memory", "pods"] : contains(keys(quota.spec[0].hard), what)])])
    error_message = "A quota must bound cores, memory and pods."
  }

  assert {
    condition     = [for name, quota in kubernetes_resource_quota_v1.main : name if quota.spec[0].hard["services.loadbalancers"] != "0"] == ["istio-system"]
    error_message = "Only Istio's gateway may have a load balancer."
  }
}

run "serving_has_room_to_grow" {
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
    condition     = tonumber(kubernetes_resource_quota_v1.main["serving"].spec[0].hard["pods"]) >= 40 && tonumber(kubernetes_resource_quota_v1.main["serving"].spec[0].hard["persistentvolumeclaims"]) >= 10
    error_message = "The gateway must be able to grow to 10 pods with a spool each."
  }
}

run "metrics_are_kept_for_a_month" {
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
    condition     = yamldecode(helm_release.monitoring.values[1]).prometheus.prometheusSpec.retention == "30d"
    error_message = "Prometheus must keep 30 days."
  }

  assert {
    condition     = yamldecode(helm_release.monitoring.values[1]).prometheus.prometheusSpec.storageSpec.volumeClaimTemplate.spec.resources.requests.storage == "256Gi"
    error_message = "Prometheus must have a volume."
  }
}

run "staging_sleeps_while_nobody_asks" {
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
    condition     = one([for patch in module.knative_serving.kustomization.patches : yamldecode(patch.patch).data["enable-scale-to-zero"] if try(patch.target.name, "") == "config-autoscaler"]) == "true"
    error_message = "Knative must scale to zero."
  }
}

run "alerts_reach_who_is_named" {
  command = plan

  variables {
    environment = run.the_file_of_prod_is_read.values.environment
    base        = run.the_file_of_prod_is_read.values.base
    replicas    = run.the_file_of_prod_is_read.values.replicas
    mlflow      = run.the_file_of_prod_is_read.values.mlflow
    monitoring  = merge(run.the_file_of_prod_is_read.values.monitoring, { webhook_secret = "alert-webhook" })
    quotas      = run.the_file_of_prod_is_read.values.quotas
  }

  assert {
    condition     = yamldecode(helm_release.monitoring.values[1]).alertmanager.config.route.receiver == "webhook"
    error_message = "Alerts must go to the webhook."
  }

  assert {
    condition     = contains(yamldecode(helm_release.monitoring.values[1]).alertmanager.alertmanagerSpec.secrets, "alert-webhook")
    error_message = "Its address must come from a secret."
  }
}
