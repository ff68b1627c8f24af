# Kubeflow Pipelines has no chart either. Runs and cache lie in its own MySQL, whose password comes from the
# vault: with PostgreSQL its metadata store loses runs that begin at the same time, and none of its programs
# speaks TLS to one. What must outlive it (releases, their lineage, runs of MLflow) lies elsewhere.
module "kubeflow_definitions" {
  source = "./modules/kustomization"

  name        = "kubeflow-definitions"
  namespace   = kubernetes_namespace_v1.main["kubeflow"].metadata[0].name
  cluster     = var.base.cluster
  credentials = local.kubelogin
  kustomization = templatefile("${path.module}/kustomize/kubeflow-definitions.yaml.tftpl", {
    pipelines = local.versions.kubeflow_pipelines
  })
}

module "kubeflow_pipelines" {
  source = "./modules/kustomization"

  name        = "kubeflow-pipelines"
  namespace   = kubernetes_namespace_v1.main["kubeflow"].metadata[0].name
  cluster     = var.base.cluster
  credentials = local.kubelogin
  kustomization = templatefile("${path.module}/kustomize/kubeflow-pipelines.yaml.tftpl", {
    pipelines = local.versions.kubeflow_pipelines
    client_id = var.base.client_ids["training"]
  })

  depends_on = [
    module.kubeflow_definitions,
    helm_release.secrets,
    kubernetes_limit_range_v1.main,
    kubernetes_network_policy_v1.egress,
    kubernetes_network_policy_v1.ingress,
    kubernetes_resource_quota_v1.main,
  ]
}
