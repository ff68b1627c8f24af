# What environments/dev.tfvars may do that production may not.
mock_provider "kubernetes" {}
mock_provider "helm" {}

run "the_file_of_dev_is_read" {
  module {
    source = "./tests/environment"
  }
  variables {
    name = "dev"
  }
}

run "development_is_small" {
  command = plan

  variables {
    environment = run.the_file_of_dev_is_read.values.environment
    base        = run.the_file_of_dev_is_read.values.base
    replicas    = run.the_file_of_dev_is_read.values.replicas
    mlflow      = run.the_file_of_dev_is_read.values.mlflow
    monitoring  = run.the_file_of_dev_is_read.values.monitoring
    quotas      = run.the_file_of_dev_is_read.values.quotas
  }

  assert {
    condition     = yamldecode(helm_release.cert_manager.values[0]).replicaCount == 1
    error_message = "One pod is enough."
  }

  assert {
    condition     = !yamldecode(helm_release.cert_manager.values[0]).podDisruptionBudget.enabled && !yamldecode(helm_release.istiod.values[0]).global.defaultPodDisruptionBudget.enabled
    error_message = "A budget over one pod would hold every node that is drained."
  }
}
