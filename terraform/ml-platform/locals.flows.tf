# The permitted network connections; all others are denied. Each flow is written once and creates a policy on both
# sides. Ends are namespaces or one of local.ends; `pods` selects pods of the called side. No ports means all ports.
# Callers inside the mesh also present a certificate, which Istio's AuthorizationPolicies of the components check.
locals {
  in_mesh       = ["serving", "mlflow", "monitoring", "kubeflow", "knative-serving", "istio-system"]
  calls_api     = ["serving", "ray", "monitoring", "kubeflow", "kserve", "knative-serving", "istio-system", "cert-manager", "external-secrets", "node-agents"]
  calls_outside = ["serving", "ray", "mlflow", "monitoring", "kubeflow", "external-secrets", "cert-manager"]

  ends = {
    # Azure's public endpoints, Entra ID above all. Private endpoints and the authorities of certificates too.
    outside = [{ cidr = "0.0.0.0/0", except = [var.base.network.pods, var.base.network.services, "169.254.169.254/32"] }]
    # PostgreSQL and Redis.
    private-endpoints = [{ cidr = var.base.network.private_endpoints, except = [] }]
    # Nodes and the Kubernetes API have no label, and Cilium sees no address ranges in the cluster's own:
    # where they are meant, only the port is named. Whatever pod it might be too denies for itself.
    anywhere = []
  }

  flows = {
    # --- The platform -------------------------------------------------------------------------
    callers        = { from = ["anywhere"], to = ["istio-system"], ports = ["80", "443", "15021"], pods = { istio = "ingressgateway" } }
    console        = { from = ["istio-system"], to = ["monitoring"], ports = ["8080"], pods = { "mlplatform/from-ingress" = "true" } }
    gateway        = { from = ["istio-system", "kubeflow", "ray", "monitoring", "serving"], to = ["serving"], ports = ["8000"], pods = { "app.kubernetes.io/name" = "api-gateway" } }
    predictions    = { from = ["serving", "istio-system", "kubeflow", "ray"], to = ["serving"], ports = ["8080", "8081"], pods = {} }
    staging        = { from = ["serving", "kubeflow", "istio-system"], to = ["istio-system"], ports = ["8081"], pods = { istio = "ingressgateway" } }
    staging-wakes  = { from = ["istio-system"], to = ["knative-serving"], ports = ["8012", "8013"], pods = { app = "activator" } }
    staging-pods   = { from = ["istio-system", "knative-serving"], to = ["serving"], ports = ["8012", "8013", "8022", "9090"], pods = {} }
    batch-jobs     = { from = ["serving", "kubeflow"], to = ["ray"], ports = ["6379", "8265", "10001"], pods = { "app.kubernetes.io/name" = "ray" } }
    tracking       = { from = ["serving", "kubeflow", "ray"], to = ["mlflow"], ports = ["5000"], pods = { "app.kubernetes.io/name" = "mlflow" } }
    database       = { from = ["mlflow"], to = ["private-endpoints"], ports = ["5432"], pods = {} }
    online-store   = { from = ["serving", "kubeflow", "ray"], to = ["private-endpoints"], ports = [tostring(var.base.redis_port)], pods = {} }
    azure          = { from = local.calls_outside, to = ["outside"], ports = ["443"], pods = {} }
    kubernetes-api = { from = local.calls_api, to = ["anywhere"], ports = ["443"], pods = {} }

    # --- Ray and the pipelines choose ports of their own ---------------------------------------
    inside-ray        = { from = ["ray"], to = ["ray"], ports = [], pods = {} }
    inside-kubeflow   = { from = ["kubeflow"], to = ["kubeflow"], ports = [], pods = {} }
    inside-knative    = { from = ["knative-serving"], to = ["knative-serving"], ports = [], pods = {} }
    inside-monitoring = { from = ["monitoring"], to = ["monitoring"], ports = [], pods = {} }

    # --- The mesh: certificates and configuration of every sidecar ----------------------------
    mesh = { from = local.in_mesh, to = ["istio-system"], ports = ["15012"], pods = { app = "istiod" } }

    # --- Webhooks, which the API server calls through a tunnel from the nodes -----------------
    webhook-istio            = { from = ["anywhere"], to = ["istio-system"], ports = ["15017"], pods = { app = "istiod" } }
    webhook-cert-manager     = { from = ["anywhere"], to = ["cert-manager"], ports = ["10250"], pods = {} }
    webhook-external-secrets = { from = ["anywhere"], to = ["external-secrets"], ports = ["10250"], pods = {} }
    webhook-knative          = { from = ["anywhere"], to = ["knative-serving"], ports = ["8443"], pods = {} }
    webhook-kserve           = { from = ["anywhere"], to = ["kserve"], ports = ["9443"], pods = {} }
    webhook-kubeflow         = { from = ["anywhere"], to = ["kubeflow"], ports = ["8443"], pods = { app = "cache-server" } }
    webhook-monitoring       = { from = ["anywhere"], to = ["monitoring"], ports = ["10250"], pods = { app = "kube-prometheus-stack-operator" } }

    # --- Prometheus ---------------------------------------------------------------------------
    metrics-sidecars         = { from = ["monitoring"], to = ["serving", "mlflow", "kubeflow", "istio-system"], ports = ["15020"], pods = {} }
    metrics-ray              = { from = ["monitoring"], to = ["ray"], ports = ["8080"], pods = {} }
    metrics-istiod           = { from = ["monitoring"], to = ["istio-system"], ports = ["15014"], pods = { app = "istiod" } }
    metrics-cert-manager     = { from = ["monitoring"], to = ["cert-manager"], ports = ["9402"], pods = {} }
    metrics-external-secrets = { from = ["monitoring"], to = ["external-secrets"], ports = ["8080"], pods = {} }
    metrics-knative          = { from = ["monitoring"], to = ["knative-serving"], ports = ["9090"], pods = {} }
    metrics-nodes            = { from = ["monitoring"], to = ["anywhere"], ports = ["9100", "10250"], pods = {} }
  }

  # One entry per flow, caller and called; ends outside the cluster make a policy on one side only.
  connections = merge([
    for flow, of in local.flows : {
      for pair in setproduct(of.from, of.to) : "${flow}/${pair[0]}/${pair[1]}" => {
        flow = flow, from = pair[0], to = pair[1], ports = of.ports, pods = of.pods
      }
    }
  ]...)

  ingress = { for name, connection in local.connections : name => connection if contains(keys(local.namespaces), connection.to) }
  egress  = { for name, connection in local.connections : name => connection if contains(keys(local.namespaces), connection.from) }
}
