resource "helm_release" "kserve_crds" {
  name       = "kserve-crd"
  namespace  = kubernetes_namespace_v1.main["kserve"].metadata[0].name
  repository = local.versions.kserve_crds.repository
  chart      = local.versions.kserve_crds.chart
  version    = local.versions.kserve_crds.version

  atomic          = true
  cleanup_on_fail = true
  max_history     = 5
  timeout         = 300
}

# Production runs in Standard mode (Deployments and HPA), staging on Knative: each InferenceService says which.
resource "helm_release" "kserve" {
  name       = "kserve"
  namespace  = kubernetes_namespace_v1.main["kserve"].metadata[0].name
  repository = local.versions.kserve.repository
  chart      = local.versions.kserve.chart
  version    = local.versions.kserve.version

  atomic          = true
  cleanup_on_fail = true
  max_history     = 5
  timeout         = 600

  values = [yamlencode({
    kserve = {
      controller = {
        deploymentMode           = "Standard"
        resources                = { requests = { cpu = "100m", memory = "300Mi" }, limits = { cpu = "1", memory = "1Gi" } }
        securityContext          = { runAsNonRoot = true, seccompProfile = { type = "RuntimeDefault" } }
        containerSecurityContext = local.container_security
        gateway = {
          # Inference services are called inside the cluster only; the way in is the gateway's.
          disableIngressCreation = true
          urlScheme              = "http"
          localGateway = {
            gateway        = "knative-serving/knative-local-gateway"
            gatewayService = "knative-local-gateway.istio-system.svc.cluster.local"
          }
          ingressGateway = {
            enableGatewayApi = false
            createGateway    = false
            gateway          = "knative-serving/knative-ingress-gateway"
            className        = "istio"
          }
        }
      }
      storage = {
        enableModelcar = false
        resources      = { requests = { cpu = "100m", memory = "128Mi" }, limits = { cpu = "1", memory = "1Gi" } }
      }
      localmodel = { enabled = false }
    }
  })]

  depends_on = [
    helm_release.cert_manager,
    helm_release.kserve_crds,
    module.knative_serving,
  ]
}
