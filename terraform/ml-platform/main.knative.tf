# Knative has no chart of its own; its releases are files.
module "knative_definitions" {
  source = "./modules/kustomization"

  name        = "knative-definitions"
  namespace   = kubernetes_namespace_v1.main["knative-serving"].metadata[0].name
  cluster     = var.base.cluster
  credentials = local.kubelogin
  kustomization = templatefile("${path.module}/kustomize/knative-definitions.yaml.tftpl", {
    serving = local.versions.knative_serving
  })
}

module "knative_serving" {
  source = "./modules/kustomization"

  name        = "knative-serving"
  namespace   = kubernetes_namespace_v1.main["knative-serving"].metadata[0].name
  cluster     = var.base.cluster
  credentials = local.kubelogin
  kustomization = templatefile("${path.module}/kustomize/knative-serving.yaml.tftpl", {
    serving   = local.versions.knative_serving
    net_istio = local.versions.knative_net_istio
    registry  = var.base.registry_login_server
    staging   = var.staging
    activator = var.replicas.activator
  })

  depends_on = [
    module.knative_definitions,
    helm_release.istio_gateway,
    kubernetes_limit_range_v1.main,
    kubernetes_network_policy_v1.egress,
    kubernetes_network_policy_v1.ingress,
    kubernetes_resource_quota_v1.main,
  ]
}
