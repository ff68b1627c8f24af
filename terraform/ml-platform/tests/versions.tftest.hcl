# What is installed is what versions.platform.tf says.
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

run "every_chart_of_others_is_pinned" {
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
    condition     = alltrue([for release in [helm_release.cert_manager, helm_release.istio_base, helm_release.istio_cni, helm_release.istiod, helm_release.istio_gateway, helm_release.external_secrets, helm_release.monitoring, helm_release.kuberay, helm_release.kserve_crds, helm_release.kserve] : can(regex("^v?[0-9]+\\.[0-9]+\\.[0-9]+$", release.version))])
    error_message = "A chart must have an exact version."
  }

  assert {
    condition     = alltrue([for component, of in local.versions : can(regex("^(knative-)?v?[0-9]+\\.[0-9]+(\\.[0-9]+(-full)?)?$", of.version))])
    error_message = "Ranges and latest are not versions."
  }

  assert {
    condition     = length(distinct([for name in ["istio_base", "istio_cni", "istiod", "istio_gateway"] : local.versions[name].version])) == 1
    error_message = "Istio's parts must be of one version."
  }
}

run "kserve_is_new_enough_for_canaries_without_knative" {
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
    condition     = tonumber(split(".", trimprefix(helm_release.kserve.version, "v"))[1]) >= 20 && helm_release.kserve.version == helm_release.kserve_crds.version
    error_message = "KServe must be 0.20 or later, and its definitions of the same version."
  }
}

run "kustomizations_name_versions" {
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
    condition     = alltrue([for source in concat(module.knative_definitions.kustomization.resources, module.knative_serving.kustomization.resources) : can(regex("/releases/download/knative-v[0-9.]+/", source))])
    error_message = "Knative must come from a release."
  }

  assert {
    condition     = alltrue([for source in concat(module.kubeflow_definitions.kustomization.resources, module.kubeflow_pipelines.kustomization.resources) : endswith(source, "?ref=2.17.0")])
    error_message = "Kubeflow Pipelines must come from a tag."
  }
}

run "known_passwords_are_replaced" {
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
    condition     = contains([for patch in module.kubeflow_pipelines.kustomization.patches : patch.target.name if patch.target.kind == "Secret"], "mysql-secret|mlpipeline-minio-artifact")
    error_message = "Kubeflow's secrets must not be upstream's."
  }

  assert {
    condition     = one([for patch in module.kubeflow_pipelines.kustomization.patches : yamldecode(yamldecode(patch.patch).data.workflowDefaults).spec.podMetadata.labels if patch.target.kind == "ConfigMap"]) == { "azure.workload.identity/use" = "true", "sidecar.istio.io/inject" = "true" }
    error_message = "Steps of a pipeline must sign in to Azure and be in the mesh."
  }
}

run "a_chart_of_ours_that_changed_is_installed_anew" {
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
    condition     = alltrue([for release in [helm_release.certificates, helm_release.mesh, helm_release.mlflow, helm_release.monitors, helm_release.secrets] : length(yamldecode(release.values[0]).contentHash) == 64])
    error_message = "Each must carry the hash of its files."
  }
}
