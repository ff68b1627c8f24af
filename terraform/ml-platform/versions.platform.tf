# Every version of the platform, and where it comes from. README.md says why these and what an upgrade needs.
locals {
  versions = {
    cert_manager       = { repository = "https://charts.jetstack.io", chart = "cert-manager", version = "v1.21.1" }
    istio_base         = { repository = local.istio_repository, chart = "base", version = local.istio_version }
    istio_cni          = { repository = local.istio_repository, chart = "cni", version = local.istio_version }
    istiod             = { repository = local.istio_repository, chart = "istiod", version = local.istio_version }
    istio_gateway      = { repository = local.istio_repository, chart = "gateway", version = local.istio_version }
    external_secrets   = { repository = "https://charts.external-secrets.io", chart = "external-secrets", version = "2.9.0" }
    monitoring         = { repository = "https://prometheus-community.github.io/helm-charts", chart = "kube-prometheus-stack", version = "88.1.3" }
    kuberay            = { repository = "https://ray-project.github.io/kuberay-helm", chart = "kuberay-operator", version = "1.7.0" }
    kserve_crds        = { repository = local.kserve_repository, chart = "kserve-crd", version = "v0.20.0" }
    kserve             = { repository = local.kserve_repository, chart = "kserve-resources", version = "v0.20.0" }
    knative_serving    = { repository = "https://github.com/knative/serving", version = "knative-v1.21.1" }
    knative_net_istio  = { repository = "https://github.com/knative-extensions/net-istio", version = "knative-v1.21.1" }
    kubeflow_pipelines = { repository = "https://github.com/kubeflow/pipelines", version = "2.17.0" }
    mlflow             = { repository = "ghcr.io/mlflow/mlflow", version = "v3.17.0-full" }
    pod_security       = { repository = "kubernetes", version = "v1.33" }
  }

  istio_repository  = "https://istio-release.storage.googleapis.com/charts"
  istio_version     = "1.30.3"
  kserve_repository = "oci://ghcr.io/kserve/charts"
}
