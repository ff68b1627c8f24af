# Who may talk to whom.
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

run "every_namespace_denies_by_default" {
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
    condition     = toset(keys(kubernetes_network_policy_v1.default_deny)) == toset(keys(local.namespaces))
    error_message = "No namespace may be without a default."
  }

  assert {
    condition     = alltrue([for policy in kubernetes_network_policy_v1.default_deny : toset(policy.spec[0].policy_types) == toset(["Ingress", "Egress"]) && length(policy.spec[0].ingress) == 0 && length(policy.spec[0].egress) == 0])
    error_message = "The default must deny both directions and allow nothing."
  }

  assert {
    condition     = alltrue([for policy in kubernetes_network_policy_v1.default_deny : length(policy.spec[0].pod_selector[0].match_expressions) == 0])
    error_message = "The default must hold for every pod."
  }
}

run "only_the_ingress_gateway_is_open_to_callers" {
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
    condition     = [for name, policy in kubernetes_network_policy_v1.ingress : name if length(policy.spec[0].ingress[0].from) == 0 && !startswith(name, "webhook-")] == ["callers/anywhere/istio-system"]
    error_message = "Nothing but the gateway and webhooks may be reached from anywhere."
  }

  assert {
    condition     = kubernetes_network_policy_v1.ingress["callers/anywhere/istio-system"].spec[0].pod_selector[0].match_labels.istio == "ingressgateway"
    error_message = "Callers must reach the gateway's pods only."
  }

  assert {
    condition     = alltrue([for policy in kubernetes_network_policy_v1.ingress : length(policy.spec[0].ingress[0].ports) > 0 if length(policy.spec[0].ingress[0].from) == 0])
    error_message = "What is open must be open on a port."
  }
}

run "a_flow_is_allowed_on_both_sides" {
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
    condition     = alltrue([for name, connection in local.connections : contains(keys(kubernetes_network_policy_v1.ingress), name) if contains(keys(local.namespaces), connection.to)])
    error_message = "Who is called must let the caller in."
  }

  assert {
    condition     = alltrue([for name, connection in local.connections : contains(keys(kubernetes_network_policy_v1.egress), name) if contains(keys(local.namespaces), connection.from)])
    error_message = "Who calls must be let out."
  }

  assert {
    condition     = length(setsubtract(flatten([for flow in local.flows : concat(flow.from, flow.to)]), concat(keys(local.namespaces), keys(local.ends)))) == 0
    error_message = "A flow may only name namespaces and ends that there are."
  }
}

run "training_submits_jobs_to_ray_and_is_not_reached_by_it" {
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
    condition     = toset([for port in kubernetes_network_policy_v1.ingress["batch-jobs/kubeflow/ray"].spec[0].ingress[0].ports : port.port]) == toset(["6379", "8265", "10001"])
    error_message = "Training must reach the ports of Ray's head."
  }

  assert {
    condition     = length([for name in keys(kubernetes_network_policy_v1.ingress) : name if endswith(name, "/ray/kubeflow")]) == 0
    error_message = "Ray must not reach kubeflow."
  }
}

run "the_way_to_staging_leads_through_the_gateway_twice" {
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
    condition     = alltrue([for name in ["staging/serving/istio-system", "staging/istio-system/istio-system"] : one(kubernetes_network_policy_v1.ingress[name].spec[0].ingress[0].ports[*].port) == "8081"])
    error_message = "The gateway of the platform and Istio's own must reach Knative's local gateway."
  }

  assert {
    condition     = contains(keys(kubernetes_network_policy_v1.ingress), "gateway/serving/serving") && contains(keys(kubernetes_network_policy_v1.ingress), "gateway/kubeflow/serving")
    error_message = "Promotions and pipelines must be able to ask the gateway what it serves."
  }
}

run "the_database_is_mlflows_alone" {
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
    condition     = [for name, connection in local.connections : connection.from if connection.to == "private-endpoints" && contains(connection.ports, "5432")] == ["mlflow"]
    error_message = "Only MLflow may reach PostgreSQL."
  }

  assert {
    condition     = one(kubernetes_network_policy_v1.egress["database/mlflow/private-endpoints"].spec[0].egress[0].to[*].ip_block[0].cidr) == "10.50.8.0/26"
    error_message = "It lies behind the private endpoints."
  }
}

run "mlflow_cannot_reach_the_kubernetes_api" {
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
    condition     = !contains(local.calls_api, "mlflow") && !contains([for connection in local.connections : connection.from if connection.to == "anywhere"], "mlflow")
    error_message = "MLflow has nothing to ask there."
  }
}

run "the_cluster_is_not_outside" {
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
    condition     = alltrue([for name, policy in kubernetes_network_policy_v1.egress : alltrue([for range in ["10.160.0.0/13", "10.52.0.0/20", "169.254.169.254/32"] : contains(policy.spec[0].egress[0].to[0].ip_block[0].except, range)]) if startswith(name, "azure/")])
    error_message = "Pods, services and the nodes' metadata must be left out of what is outside."
  }
}

run "the_mesh_asks_for_certificates" {
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
    condition     = yamldecode(helm_release.mesh.values[0]).mtls == "STRICT"
    error_message = "Mutual TLS must be strict."
  }

  assert {
    condition     = yamldecode(helm_release.istiod.values[0]).pilot.cni.enabled
    error_message = "Pods must not need the right to redirect their own traffic."
  }
}

run "the_load_balancer_is_inside_unless_somebody_says_who_may_come" {
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
    condition     = yamldecode(helm_release.istio_gateway.values[0]).service.annotations["service.beta.kubernetes.io/azure-load-balancer-internal"] == "true"
    error_message = "The load balancer must be internal."
  }
}
